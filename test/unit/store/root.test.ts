import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { checkRoot, ensureDirectory, locateRoot } from '#lib/store/index.js'
import { filled, makeRoot } from '#lib/store/root.js'
import { plant, scratch, withCode } from './support.ts'

describe('roots', () => {
  const directory = scratch()
  const modeOf = (path: string): number => statSync(path).mode & 0o7777

  for (const [root, code] of [
    [undefined, 'ERR_INVALID_ARG_TYPE'],
    [Buffer.from('/a'), 'ERR_INVALID_ARG_TYPE'],
    ['', 'ERR_INVALID_ARG_VALUE'],
    ['a/b', 'ERR_INVALID_ARG_VALUE'],
    ['/a\0b', 'ERR_INVALID_ARG_VALUE'],
  ] as const) {
    it(`refuse ${JSON.stringify(root)}`, () => {
      assert.throws(() => {
        checkRoot(root)
      }, withCode(code))
    })
  }

  describe('located', () => {
    it('lie where their links lead', async () => {
      mkdirSync(directory.at('real'))
      symlinkSync('real', directory.at('link'))
      const real = realpathSync(directory.at('real'))
      assert.deepEqual(await locateRoot(directory.at('link')), { root: real, existing: real })
      assert.deepEqual(await locateRoot(directory.at('link/../link/./')), { root: real, existing: real })
      assert.deepEqual(await locateRoot(directory.at('link/a/b')), { root: `${real}/a/b`, existing: real })
    })
    it('may be missing, parents too', async () => {
      const real = realpathSync(directory.path)
      assert.deepEqual(await locateRoot(directory.at('a/b/c')), { root: `${real}/a/b/c`, existing: real })
      assert.equal(existsSync(directory.at('a')), false)
    })
    it('are no file, nor below one', async () => {
      writeFileSync(directory.at('file'), '')
      for (const name of ['file', 'file/a', 'file/a/b']) {
        await assert.rejects(locateRoot(directory.at(name)), withCode('ENOTDIR'), name)
      }
    })
    it('are no link that leads nowhere, or in circles, nor below one', async () => {
      symlinkSync('nowhere', directory.at('dangling'))
      symlinkSync('circle', directory.at('circle'))
      await assert.rejects(locateRoot(directory.at('dangling')), withCode('ENOENT'))
      await assert.rejects(locateRoot(directory.at('dangling/a/b')), withCode('ENOENT'))
      await assert.rejects(locateRoot(directory.at('circle')), withCode('ELOOP'))
      assert.equal(existsSync(directory.at('nowhere')), false)
    })
  })

  describe('made', () => {
    it('are closed to others, their parents as usual', async () => {
      await makeRoot(directory.at('a/b/root'), undefined)
      assert.equal(modeOf(directory.at('a/b/root')), 0o700)
      mkdirSync(directory.at('usual'))
      assert.equal(modeOf(directory.at('a/b')), modeOf(directory.at('usual')))
    })
    it('are closed when they were there, and empty', async () => {
      mkdirSync(directory.at('root'))
      chmodSync(directory.at('root'), 0o777)
      await makeRoot(directory.at('root'), undefined)
      assert.equal(modeOf(directory.at('root')), 0o700)
    })
    it('keep their mode when they hold something else, such as everybody’s temporary files', async () => {
      plant(directory.at('root'), { 'somebody/file': '' })
      chmodSync(directory.at('root'), 0o1777)
      await makeRoot(directory.at('root'), undefined)
      assert.equal(modeOf(directory.at('root')), 0o1777)
    })
    it('let a group pass', async () => {
      const group = process.getgid!()
      await makeRoot(directory.at('root'), group)
      assert.equal(modeOf(directory.at('root')), 0o710)
      assert.equal(statSync(directory.at('root')).gid, group)
    })
  })

  it('say which of their directories hold something', async () => {
    const layout = plant(directory.path, { 'layers/': '', 'staging/file': '', diff: '' })
    symlinkSync('/tmp', layout.directory('views'))
    const names = ['layers', 'diff', 'mnt', 'staging', 'views']
    assert.deepEqual(await filled(directory.path, names), ['diff', 'staging', 'views'])
  })
  it('have directories of their own, no links and no files', async () => {
    assert.equal(await ensureDirectory(directory.at('new')), true)
    assert.equal(modeOf(directory.at('new')), 0o700)
    assert.equal(await ensureDirectory(directory.at('new')), false)
    symlinkSync('new', directory.at('link'))
    writeFileSync(directory.at('file'), '')
    for (const name of ['link', 'file'])
      await assert.rejects(ensureDirectory(directory.at(name)), withCode('ENOTDIR'))
  })

  it('is made once more when another takes it away at that moment', async () => {
    const path = directory.at('comes-and-goes')
    let going = true
    const taking = (async () => {
      while (going) await rmdir(path).catch(() => undefined)
    })()
    try {
      for (let at = 0; at < 3000; at++) await ensureDirectory(path)
    } finally {
      going = false
      await taking
    }
  })
})
