import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'
import { withMount } from 'graphdriver/mount'
import { mount, MS_BIND, umount2 } from 'graphdriver/sys'
import { describeOn } from '../working-drivers.ts'
import { codeOf, mountsBelow, scratchDirectory, snapshot, storeSnapshot } from './support.ts'

/** Deletion never crosses a mount and never follows a link: somebody's tree has to be as it was. */
describe('deletion and somebody’s files', () => {
  const scratch = scratchDirectory()
  let root: string
  let sentinel: string
  let untouched: string[]

  function at(...names: string[]): string {
    return join(root, ...names)
  }

  beforeEach(() => {
    root = scratch.fresh()
    sentinel = scratch.fresh('sentinel')
    mkdirSync(join(sentinel, 'directory'), { recursive: true })
    writeFileSync(join(sentinel, 'file'), 'precious')
    writeFileSync(join(sentinel, 'directory/file'), 'precious')
    untouched = snapshot(sentinel)
  })
  afterEach(async () => {
    assert.deepEqual(snapshot(sentinel), untouched, 'somebody’s files were touched')
    assert.deepEqual(await mountsBelow(scratch.path), [])
  })

  async function refused(code: string, work: () => Promise<unknown>): Promise<void> {
    const before = storeSnapshot(root)
    await assert.rejects(work, (error) => codeOf(error) === code)
    assert.deepEqual(storeSnapshot(root), before, 'something changed all the same')
  }

  for (const driver of ['overlay', 'vfs']) {
    describeOn(driver, driver, () => {
      let store: GraphDriver
      const reopen = async (): Promise<void> => {
        await store.close()
        store = await open({ root, driver })
      }

      beforeEach(async () => {
        store = await open({ root, driver })
        await store.create('base')
        writeFileSync(join(await store.get('base'), 'file'), '')
        await store.put('base')
        await store.create('top', { parent: 'base' })
        await store.get('top')
        await store.put('top')
      })
      afterEach(async () => {
        await store.close()
      })

      for (const place of ['diff/top', 'diff/top/a/b']) {
        it(`a mount at ${place} makes remove refuse`, async () => {
          mkdirSync(at(place), { recursive: true })
          await withMount({ source: sentinel, target: at(place), options: ['bind'] }, async () => {
            await refused('ERR_LAYER_BUSY', () => store.remove('top'))
          })
          await store.remove('top')
          assert.deepEqual(readdirSync(at('diff')), ['base'])
        })
      }
      it('a mounted file makes remove refuse', async () => {
        writeFileSync(at('diff/top/mounted'), '')
        await withMount(
          { source: join(sentinel, 'file'), target: at('diff/top/mounted'), options: ['bind'] },
          () => refused('ERR_LAYER_BUSY', () => store.remove('top')),
        )
        await store.remove('top')
      })
      it('links in a layer go with it, and nothing else', async () => {
        mkdirSync(at('diff/top/a'))
        symlinkSync(sentinel, at('diff/top/a/link'))
        symlinkSync(join(sentinel, 'file'), at('diff/top/file-link'))
        await store.remove('top')
        assert.deepEqual(readdirSync(at('diff')), ['base'])
      })
      it('a link in place of contents is all that goes', async () => {
        await store.remove('top')
        await store.create('top', { parent: 'base' })
        rmdirSync(at('diff/top'))
        symlinkSync(sentinel, at('diff/top'))
        await store.remove('top')
        assert.deepEqual(readdirSync(at('diff')), ['base'])
      })
      for (const directory of ['diff', driver === 'overlay' ? 'work' : 'pending']) {
        it(`a link at ${directory}/top-removing is all that goes`, async () => {
          symlinkSync(sentinel, at(directory, 'top-removing'))
          await store.remove('top')
          symlinkSync(sentinel, at(directory, 'stray-removing'))
          await reopen()
          assert.ok(!readdirSync(at(directory)).some((name) => name.endsWith('-removing')))
        })
        it(`a mount at ${directory}/…-removing stays, and so does what it is in`, async () => {
          mkdirSync(at(directory, 'stray-removing/a'), { recursive: true })
          mkdirSync(at(directory, 'other-removing'))
          const inside = { source: sentinel, target: at(directory, 'stray-removing/a'), options: ['bind'] }
          const itself = { source: sentinel, target: at(directory, 'other-removing'), options: ['bind'] }
          await withMount(inside, async () => {
            await withMount(itself, reopen)
            assert.deepEqual(
              (await store.list()).map(({ id }) => id),
              ['base', 'top'],
            )
          })
          await reopen()
          assert.ok(!readdirSync(at(directory)).some((name) => name.endsWith('-removing')))
        })
      }
      it('a mount in what a dead process was removing keeps nobody from opening the store', async () => {
        await store.create('gone')
        await store.close()
        renameSync(at('layers/gone'), at('layers/.gone-gone'))
        mkdirSync(at('diff/gone/a'))
        await mount(sentinel, at('diff/gone/a'), null, MS_BIND)
        store = await open({ root, driver })
        assert.equal(await store.exists('gone'), false)
        await assert.rejects(store.create('gone'), (error) => ['EBUSY', 'EXDEV'].includes(codeOf(error)))
        for (const path of await mountsBelow(root)) await umount2(path)
        await store.create('gone')
        assert.deepEqual(readdirSync(at('diff')).sort(), ['base', 'gone', 'top'])
      })
      it('in staging, a mount stays and a link goes', async () => {
        mkdirSync(at('staging/a.1/mounted'), { recursive: true })
        mkdirSync(at('staging/b.1/x'), { recursive: true })
        mkdirSync(at('staging/c.1'))
        symlinkSync(sentinel, at('staging/link'))
        symlinkSync(sentinel, at('staging/b.1/x/link'))
        const inside = { source: sentinel, target: at('staging/a.1/mounted'), options: ['bind'] }
        const itself = { source: sentinel, target: at('staging/c.1'), options: ['bind'] }
        await withMount(inside, async () => {
          await withMount(itself, reopen)
        })
        assert.deepEqual(readdirSync(at('staging')).sort(), ['a.1', 'c.1'])
        await reopen()
        assert.deepEqual(readdirSync(at('staging')), [])
      })
      it('files in a mount point make remove refuse', async () => {
        writeFileSync(at('mnt/top/file'), 'precious')
        await refused('ERR_LAYER_NOT_EMPTY', () => store.remove('top'))
      })
      it('a mount at a mount point is taken away, and nothing in it', async () => {
        await mount(sentinel, at('mnt/top'), null, MS_BIND)
        await store.remove('top')
        assert.deepEqual(readdirSync(at('mnt')), ['base'])
      })
      it('in views, what is no view stays', async () => {
        mkdirSync(at('views/top.1'))
        mkdirSync(at('views/top.2/full'), { recursive: true })
        writeFileSync(at('views/file'), 'precious')
        symlinkSync(sentinel, at('views/link'))
        assert.deepEqual(await store.cleanup(), { unmounted: [], busy: [], removed: [] })
        assert.deepEqual(readdirSync(at('views')).sort(), ['file', 'link', 'top.2'])
      })
      it('an orphan with a mount in it stays, and is told', async () => {
        mkdirSync(at('diff/orphan/a/b'), { recursive: true })
        const inside = { source: sentinel, target: at('diff/orphan/a/b'), options: ['bind'] }
        await withMount(inside, async () => {
          assert.deepEqual(await store.cleanup({ orphans: true }), {
            unmounted: [],
            busy: ['orphan'],
            removed: [],
          })
        })
        assert.deepEqual(await store.cleanup({ orphans: true }), {
          unmounted: [],
          busy: [],
          removed: ['orphan'],
        })
        assert.deepEqual(readdirSync(at('diff')).sort(), ['base', 'top'])
      })
      it('an orphan that is a link goes, and nothing else', async () => {
        symlinkSync(sentinel, at('diff/orphan'))
        assert.deepEqual((await store.cleanup({ orphans: true })).removed, ['orphan'])
      })
      it('a mount point that is a link is refused', async () => {
        rmdirSync(at('mnt/top'))
        symlinkSync(sentinel, at('mnt/top'))
        symlinkSync(sentinel, at('mnt/new'))
        await refused('ENOTDIR', () => store.create('new'))
        if (driver === 'overlay') await refused('ENOTDIR', () => store.get('top'))
        assert.deepEqual(await mountsBelow(sentinel), [])
      })
      it('a directory of the store that is a link is refused at once', async () => {
        await store.close()
        for (const name of ['staging', 'views', 'diff']) {
          renameSync(at(name), at('aside'))
          symlinkSync(sentinel, at(name))
          await assert.rejects(open({ root, driver }), (error) => codeOf(error) === 'ENOTDIR', name)
          unlinkSync(at(name))
          renameSync(at('aside'), at(name))
        }
        store = await open({ root, driver })
        assert.equal(existsSync(at('diff/base/file')), true)
      })
    })
  }

  describeOn('overlay', 'overlay', () => {
    it('a work directory that is a link is refused', async () => {
      const store = await open({ root, driver: 'overlay' })
      await store.create('base')
      await store.create('top', { parent: 'base' })
      rmdirSync(at('work/top'))
      symlinkSync(sentinel, at('work/top'))
      await refused('ENOTDIR', () => store.get('top'))
      await store.close()
    })
  })
})
