import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { probe } from 'graphdriver'
import { withMount } from 'graphdriver/mount'
import { F_RDLCK, mount, MS_BIND, setLockSync } from 'graphdriver/sys'
import { mountsBelow, scratchDirectory, snapshot } from './support.ts'

/** No process has this number. */
const NOBODY = 4194305

describe('what trials leave', () => {
  const scratch = scratchDirectory()
  let directory: string
  let sentinel: string

  beforeEach(() => {
    directory = scratch.fresh()
    sentinel = scratch.fresh('sentinel')
    mkdirSync(directory)
    mkdirSync(join(sentinel, 'a'), { recursive: true })
    writeFileSync(join(sentinel, 'a/file'), 'precious')
  })
  afterEach(() => {
    assert.equal(snapshot(sentinel).filter((line) => line.includes('precious')).length, 1)
  })

  function left(pid: number): string {
    const path = join(directory, `.graphdriver-probe-${String(pid)}-abcdef`)
    mkdirSync(path)
    writeFileSync(join(path, 'file'), '')
    return path
  }

  it('goes with the next trial when its process is dead, mounts and all', async () => {
    const path = left(NOBODY)
    mkdirSync(join(path, 'merged'))
    await mount(sentinel, join(path, 'merged'), null, MS_BIND)
    await probe(directory)
    assert.deepEqual(readdirSync(directory), [])
    assert.deepEqual(await mountsBelow(directory), [])
  })
  it('stays while its process lives', async () => {
    const path = left(process.pid)
    await probe(directory)
    assert.deepEqual(readdirSync(directory), [path.slice(directory.length + 1)])
  })
  it('goes when it is old, though some process has the number', async () => {
    utimesSync(left(process.pid), 0, 0)
    await probe(directory)
    assert.deepEqual(readdirSync(directory), [])
  })
  it('stays while it is locked: its process may be in another PID namespace', async () => {
    const path = left(NOBODY)
    const fd = openSync(path, 'r')
    setLockSync(fd, F_RDLCK, 0, 1)
    await probe(directory)
    assert.equal(readdirSync(directory).length, 1)
    closeSync(fd)
    await probe(directory)
    assert.deepEqual(readdirSync(directory), [])
  })
  it('is not taken for such when somebody else made it', async () => {
    chmodSync(directory, 0o1777)
    const path = left(NOBODY)
    chownSync(path, 65534, 65534)
    symlinkSync(sentinel, join(directory, `.graphdriver-probe-${String(NOBODY)}-link`))
    writeFileSync(join(directory, `.graphdriver-probe-${String(NOBODY)}-file`), '')
    await withMount({ source: scratch.path, target: join(sentinel, 'a'), options: ['bind'] }, async () => {
      await probe(directory)
      assert.equal((await mountsBelow(sentinel)).length, 1, 'a link led to somebody’s mounts')
    })
    assert.equal(readdirSync(directory).length, 3)
  })
})
