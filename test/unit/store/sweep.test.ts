import assert from 'node:assert/strict'
import { existsSync, readdirSync, symlinkSync } from 'node:fs'
import { Layout, settle } from '#lib/store/index.js'
import { Locks } from '#lib/store/locks.js'
import { Owned, wordOf } from '#lib/store/staging.js'
import { sweepLayers } from '#lib/store/sweep.js'
import { plant, scratch } from './support.ts'

const OWN = ['diff', 'work']
const WHOLE = { 'layers/base': '', 'diff/base/file': 'x', 'work/base/': '', 'mnt/base/': '' }

describe('what dead processes leave', () => {
  const directory = scratch()
  let one: Locks
  let other: Locks

  beforeEach(async () => {
    one = await Locks.open(directory.at('lock'))
    other = await Locks.open(directory.at('lock'))
  })
  afterEach(async () => {
    await one.close()
    await other.close()
  })

  function names(...path: string[]): string[] {
    return readdirSync(directory.at(...path)).sort()
  }

  async function sweep(layout: Layout): Promise<void> {
    await sweepLayers(layout, (id) => one.tryGate(id), OWN)
  }

  /** Nothing is left but the layer `base`. */
  function assertOnlyBase(): void {
    for (const name of ['layers', 'diff', 'work', 'mnt']) assert.deepEqual(names(name), ['base'], name)
    assert.deepEqual(names('children'), [])
    assert.equal(existsSync(directory.at('diff/base/file')), true)
  }

  it('a creation is undone', async () => {
    await sweep(
      plant(directory.path, {
        ...WHOLE,
        'layers/.new-top': 'base\n',
        'children/base/top': '',
        'diff/top/a/b': 'x',
        'mnt/top/': '',
        'work/top/': '',
      }),
    )
    assertOnlyBase()
  })
  for (const text of ['', 'ba', 'base']) {
    it(`a creation whose intent was cut to ${JSON.stringify(text)} is undone`, async () => {
      await sweep(plant(directory.path, { ...WHOLE, 'layers/.new-top': text, 'children/': '' }))
      assertOnlyBase()
    })
  }
  it('a removal is completed, wherever it stopped', async () => {
    await sweep(
      plant(directory.path, {
        ...WHOLE,
        'layers/.gone-top': 'base\n',
        'children/base/top': '',
        'diff/top-removing/a': 'x',
        'work/top/work/b': 'x',
        'mnt/top/': '',
      }),
    )
    assertOnlyBase()
  })
  it('a layer that has metadata is never touched, whatever intents say', async () => {
    const layout = plant(directory.path, {
      ...WHOLE,
      'layers/.new-base': '',
      'layers/.gone-base': '',
      'children/': '',
    })
    await settle(layout, 'base', OWN)
    assertOnlyBase()
  })
  it('what was put aside goes, what belongs to somebody stays', async () => {
    const layout = plant(directory.path, {
      ...WHOLE,
      'children/': '',
      'diff/x-removing/a': 'x',
      'diff/-removing/a': 'x',
      'work/y-removing/': '',
      'mnt/z-removing/': '',
      'mnt/full-removing/file': 'x',
      'diff/orphan/a': 'x',
      'layers/.strange': '',
    })
    await sweep(layout)
    assert.deepEqual(names('diff'), ['-removing', 'base', 'orphan'])
    assert.deepEqual(names('work'), ['base'])
    assert.deepEqual(names('mnt'), ['base', 'full-removing'])
    assert.deepEqual(names('layers'), ['.strange', 'base'])
  })
  it('what somebody is at work on is left to him', async () => {
    const layout = plant(directory.path, {
      ...WHOLE,
      'layers/.new-top': '',
      'diff/top/a': 'x',
      'diff/busy-removing/a': 'x',
    })
    const leave = await other.gates(['top', 'busy'])
    await sweep(layout)
    assert.deepEqual(names('layers'), ['.new-top', 'base'])
    assert.deepEqual(names('diff'), ['base', 'busy-removing', 'top'])
    leave()
    await sweep(layout)
    assert.deepEqual(names('layers'), ['base'])
    assert.deepEqual(names('diff'), ['base'])
  })
  it('a link in place of contents goes, and not what it leads to', async () => {
    const layout = plant(directory.path, {
      ...WHOLE,
      'children/': '',
      'sentinel/file': 'x',
      'layers/.gone-top': '',
    })
    for (const name of ['diff/top', 'diff/top-removing', 'work/z-removing'])
      symlinkSync('../sentinel', directory.at(name))
    await sweep(layout)
    assertOnlyBase()
    assert.deepEqual(names('sentinel'), ['file'])
  })

  describe('in staging', () => {
    function staging(locks: Locks): Owned {
      return new Owned(plant(directory.path, { 'staging/': '' }), locks, 'metadata', 'staging')
    }
    async function swept(owned: Owned, word?: string): Promise<string[]> {
      const seen: string[] = []
      await owned.sweep(async (_path, name) => {
        seen.push(name)
      }, word)
      return seen
    }

    it('entries are their makers’ as long as these live', async () => {
      const made = await staging(other).make('a')
      assert.deepEqual(await swept(staging(one)), [])
      await other.close()
      assert.deepEqual((await swept(staging(one))).map(wordOf), ['a'])
      assert.equal(existsSync(made), true)
      other = await Locks.open(directory.at('lock'))
    })
    it('entries are not taken by who made them', async () => {
      const owned = staging(one)
      await owned.make('a')
      assert.deepEqual(await swept(owned), [])
    })
    it('entries are found by the word that they were made with', async () => {
      const owned = staging(other)
      for (const word of ['a', 'a.b', 'b']) await owned.make(word)
      await other.close()
      assert.deepEqual((await swept(staging(one), 'a.b')).map(wordOf), ['a.b'])
      other = await Locks.open(directory.at('lock'))
    })
    it('an entry that cannot be made leaves no lock', async () => {
      const owned = new Owned(new Layout(directory.at('missing')), one, 'metadata', 'staging')
      await assert.rejects(owned.make('a'), /ENOENT/)
      const { F_UNLCK, F_WRLCK, getLockSync } = await import('graphdriver/sys')
      const { openSync, closeSync } = await import('node:fs')
      const fd = openSync(directory.at('lock'), 'r+')
      assert.equal(getLockSync(fd, F_WRLCK, 0, 0), F_UNLCK)
      closeSync(fd)
    })
    it('entries are gone, and free, when they are discarded', async () => {
      const owned = staging(one)
      const path = await owned.make('a')
      await owned.discard(path)
      assert.deepEqual(names('staging'), [])
      plant(path, { file: '' })
      assert.equal((await swept(staging(other))).length, 1)
    })
  })
})
