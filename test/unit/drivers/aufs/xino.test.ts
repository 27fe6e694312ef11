import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'graphdriver'
import { TMPFS_MAGIC, XFS_SUPER_MAGIC } from 'graphdriver/sys'
import { leaveXino, placeXino, sweepXino, XinoNames, type XinoSystem } from '#lib/drivers/aufs/xino.js'
import { chain, useFixture } from './fixture.ts'

/** No process has it. */
const DEAD = 0x7fff_fffe

describe('place of the inode tables of aufs', () => {
  const store = useFixture()
  const system = (): XinoSystem => ({ run: store.at('run', 'graphdriver'), shm: store.at('shm') })

  beforeEach(() => {
    for (const name of ['run', 'shm', 'root']) mkdirSync(store.at(name))
  })

  /** Where it is, on a machine where these directories are on xfs, which aufs refuses. */
  async function place(...refused: string[]): ReturnType<typeof placeXino> {
    store.boot({
      filesystemOf: (path) =>
        refused.some((name) => path.startsWith(store.at(name))) ? XFS_SUPER_MAGIC : TMPFS_MAGIC,
    })
    return placeXino(store.at('root'), 'auto', system())
  }

  it('is /run/graphdriver, which only its owner can enter', async () => {
    const { directory, temporary } = await place()
    assert.equal(directory, store.at('run', 'graphdriver'))
    assert.equal(temporary, false)
    assert.equal(statSync(directory).mode & 0o777, 0o700)
    chmodSync(directory, 0o755)
    assert.equal((await place()).directory, directory)
    assert.equal(statSync(directory).mode & 0o777, 0o700)
  })

  it('else xino/ in the root, and nothing is made where it cannot be', async () => {
    const { directory } = await place('run')
    assert.equal(directory, store.at('root', 'xino'))
    assert.equal(statSync(directory).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(store.at('run')), [])
  })

  it('else a directory in /dev/shm that nobody can guess, for a time', async () => {
    const { directory, temporary } = await place('run', 'root')
    assert.match(directory!, /shm\/\.graphdriver-\d+-[0-9a-f]{16}$/)
    assert.equal(temporary, true)
    assert.equal(statSync(directory!).mode & 0o777, 0o700)
    const again = await place('run', 'root')
    assert.notEqual(again.directory, directory)
    for (const one of [directory, again.directory])
      await leaveXino({ directory: one, reason: '', temporary: true })
    assert.deepEqual(readdirSync(store.at('shm')), [])
  })

  it('else nowhere, and it says why', async () => {
    const { directory, reason } = await place('run', 'root', 'shm')
    assert.equal(directory, undefined)
    for (const name of ['run', 'root', 'shm']) assert.match(reason, new RegExp(`${store.at(name)}.* xfs`))
  })

  it('is none that is a link, a file, or not there', async () => {
    symlinkSync(store.at('shm'), store.at('run', 'graphdriver'))
    assert.equal((await place()).directory, store.at('root', 'xino'))
    writeFileSync(store.at('root', 'xino2'), '')
    store.boot()
    for (const wrong of [store.at('run', 'graphdriver'), store.at('root', 'xino2'), store.at('nowhere')]) {
      await assert.rejects(placeXino(store.at('root'), wrong, system()), { code: 'ERR_DRIVER_PREREQUISITE' })
    }
  })

  if (process.getuid?.() === 0) {
    it('is none that belongs to another user', async () => {
      mkdirSync(store.at('run', 'graphdriver'))
      const { chownSync } = await import('node:fs')
      chownSync(store.at('run', 'graphdriver'), 12345, 0)
      const { directory } = await place()
      assert.equal(directory, store.at('root', 'xino'))
    })
  }

  it('is none without room, or that is read-only', async () => {
    store.boot({ isReadOnly: (path) => path.startsWith(store.at('run')) && 'mount' })
    assert.equal((await placeXino(store.at('root'), 'auto', system())).directory, store.at('root', 'xino'))
  })

  it('is what was asked for', async () => {
    assert.equal((await placeXino(store.at('root'), 'none', system())).directory, undefined)
    assert.equal((await placeXino(store.at('root'), store.at('shm'), system())).directory, store.at('shm'))
    store.boot({ filesystemOf: () => XFS_SUPER_MAGIC })
    await assert.rejects(placeXino(store.at('root'), store.at('shm'), system()), {
      code: 'ERR_DRIVER_PREREQUISITE',
      message: /xfs/,
    })
  })

  it('has a name for each layer and each instance, the same at each call', () => {
    const [one, other] = [new XinoNames(), new XinoNames()]
    assert.equal(one.of('/x', '/diff/a'), one.of('/x', '/diff/a'))
    assert.notEqual(one.of('/x', '/diff/a'), one.of('/x', '/diff/b'))
    assert.notEqual(one.of('/x', '/diff/a'), other.of('/x', '/diff/a'))
  })

  it('is swept of what dead processes left, and of nothing else', async () => {
    const { directory } = await place()
    const file = (pid: number): string => `${String(pid)}-0123abcd-0123abcd`
    const made = [file(DEAD), file(process.pid), file(DEAD - 1), 'of-somebody', `${String(DEAD)}-notes`]
    for (const name of made) writeFileSync(`${directory!}/${name}`, '')
    const old = new Date(Date.now() - 120_000)
    for (const name of made.filter((one) => one !== file(DEAD - 1)))
      utimesSync(`${directory!}/${name}`, old, old)
    const left = store.at('shm', `.graphdriver-${String(DEAD)}-0123456789abcdef`)
    const ours = store.at('shm', `.graphdriver-${String(process.pid)}-0123456789abcdef`)
    for (const name of [left, ours, store.at('shm', '.graphdriver-mine')]) mkdirSync(name)
    writeFileSync(`${left}/${file(DEAD)}`, '')
    await sweepXino({ directory, reason: '', temporary: false }, system())
    assert.deepEqual(readdirSync(directory!).sort(), made.slice(1).sort())
    assert.equal(existsSync(left), false)
    assert.equal(existsSync(ours), true)
    assert.equal(existsSync(store.at('shm', '.graphdriver-mine')), true)
  })
})

describe('inode tables of an open store', () => {
  const store = useFixture()

  it('are in the directory that was asked for, and none stays', async () => {
    mkdirSync(store.at('tables'))
    const graph = await store.open({ root: store.at('root'), aufs: { xino: store.at('tables') } })
    assert.equal(new Map(await graph.status()).get('Xino'), store.at('tables'))
    await chain(graph, ['a', 'b'])
    await graph.get('b')
    const { xinoNames } = store.kernel.rules
    assert.ok(xinoNames.some((name) => name.startsWith(store.at('tables'))))
    assert.deepEqual(readdirSync(store.at('tables')), [])
  })

  it('are none where none was asked for', async () => {
    const graph = await store.open({ aufs: { xino: 'none' } })
    assert.match(new Map(await graph.status()).get('Xino')!, /^none/)
    await chain(graph, ['a', 'b'])
    await graph.get('b')
    assert.match(store.kernel.calls[0]!.data, /,noxino$/)
  })

  it('keep a wrong directory from opening, and no lock stays', async () => {
    const options = { root: store.root, driver: 'aufs', aufs: { xino: store.at('nowhere') } }
    await assert.rejects(open(options), { code: 'ERR_DRIVER_PREREQUISITE', message: /there is no .*nowhere/ })
    await (await store.open()).close()
  })
})
