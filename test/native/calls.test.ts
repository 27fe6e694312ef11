import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'

import { StatfsField, StatxField } from '#lib/sys/stat-fields.js'

import { AT_FDCWD, itAsRoot, native, scratch } from './support.ts'

const AT_SYMLINK_NOFOLLOW = 0x100
const AT_REMOVEDIR = 0x200
const { ENOENT, EEXIST, EFBIG, ELOOP, EAGAIN, EINVAL, EBADF, ENODATA, ENOTEMPTY, EXDEV, EISDIR } = native.errnos as Record<
  string,
  number
> & { ENOENT: number }
const fails = (errno: number | undefined): number => -errno!

describe('native: locks', () => {
  const { at } = scratch()
  const [read, write, none] = [0, 1, 2]
  let one: number
  let other: number

  beforeEach(() => {
    one = openSync(at('lock'), 'w+')
    other = openSync(at('lock'), 'r+')
  })
  afterEach(() => {
    closeSync(one)
    closeSync(other)
  })

  it('two descriptors of one process exclude each other, byte by byte', async () => {
    assert.equal(native.setLockSync(one, write, 10, 1), 0)
    assert.equal(await native.setLock(other, write, 10, 1), fails(EAGAIN))
    assert.equal(await native.setLock(other, read, 10, 1), fails(EAGAIN))
    assert.equal(await native.setLock(other, write, 11, 1), 0)
    assert.equal(native.getLockSync(other, read, 10, 1), write)
    assert.equal(native.getLockSync(one, read, 10, 1), none)
    assert.equal(await native.setLock(one, none, 10, 1), 0)
    assert.equal(await native.setLock(other, write, 10, 1), 0)
  })

  it('shared locks live side by side, and an upgrade that fails keeps the old one', () => {
    assert.equal(native.setLockSync(one, read, 0, 1), 0)
    assert.equal(native.setLockSync(other, read, 0, 1), 0)
    assert.equal(native.setLockSync(one, write, 0, 1), fails(EAGAIN))
    assert.equal(native.setLockSync(other, none, 0, 1), 0)
    assert.equal(native.getLockSync(other, write, 0, 1), read)
    assert.equal(native.setLockSync(one, write, 0, 1), 0)
  })

  it('offsets have 53 bits, and the last descriptor to close drops the lock', () => {
    assert.equal(native.setLockSync(one, write, Number.MAX_SAFE_INTEGER, 1), 0)
    assert.equal(native.setLockSync(other, write, Number.MAX_SAFE_INTEGER, 1), fails(EAGAIN))
    assert.equal(native.setLockSync(other, write, 2 ** 52, 1), 0)
    const third = openSync(at('lock'), 'r+')
    assert.equal(native.setLockSync(third, write, 7, 1), 0)
    closeSync(third)
    assert.equal(native.setLockSync(other, write, 7, 1), 0)
  })

  it('refuses what is no lock', () => {
    assert.equal(native.setLockSync(one, 3, 0, 1), fails(EINVAL))
    assert.equal(native.getLockSync(one, -1, 0, 1), fails(EINVAL))
    assert.equal(native.setLockSync(-1, read, 0, 1), fails(EBADF))
  })
})

describe('native: files', () => {
  const { path, at, make } = scratch()

  it('readFile reads to the end, and no more than the limit', async () => {
    for (const size of [0, 1, 4095, 4096, 4097, 100_000]) {
      const content = Buffer.alloc(size, 'abc')
      writeFileSync(at('file'), content)
      assert.deepEqual(native.readFileSync(AT_FDCWD, at('file'), size), content)
      assert.deepEqual(await native.readFile(AT_FDCWD, at('file'), 1e6), content)
      if (size > 0) assert.equal(native.readFileSync(AT_FDCWD, at('file'), size - 1), fails(EFBIG))
    }
    assert.equal(native.readFileSync(AT_FDCWD, at('file'), -1), fails(EINVAL))
    assert.equal(native.readFileSync(AT_FDCWD, at('none'), 1), fails(ENOENT))
    assert.equal(native.readFileSync(AT_FDCWD, path, 1), fails(EISDIR))
    const status = native.readFileSync(AT_FDCWD, '/proc/self/status', 1e6)
    assert.ok(String(status).startsWith('Name:'))
  })

  it('readFile follows no link at the end, and waits for no fifo', async () => {
    symlinkSync('file', at('link'))
    assert.equal(native.readFileSync(AT_FDCWD, at('link'), 10), fails(ELOOP))
    assert.equal(native.mknodatSync(AT_FDCWD, at('fifo'), constants.S_IFIFO | 0o600, 0, 0), 0)
    assert.deepEqual(await native.readFile(AT_FDCWD, at('fifo'), 10), Buffer.alloc(0))
    assert.equal(native.readFileSync(AT_FDCWD, '/dev/zero', 100_000), fails(EFBIG))
  })

  it('openat2 stays inside, and every descriptor closes on exec', async () => {
    const fd = native.openat2Sync(AT_FDCWD, path, constants.O_DIRECTORY, 0, 0)
    assert.ok(fd >= 0)
    const [resolveBeneath, noXdev] = [8, 1]
    assert.equal(await native.openat2(fd, '..', constants.O_DIRECTORY, 0, resolveBeneath), fails(EXDEV))
    assert.equal(await native.openat2(AT_FDCWD, '/proc', constants.O_DIRECTORY, 0, noXdev), fails(EXDEV))
    assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /^flags:\t0?2[0-7]{6}$/m)
    assert.equal(await native.close(fd), 0)
    assert.equal(native.closeSync(fd), fails(EBADF))
  })

  it('mkdirat, renameat2 and unlinkat work below a descriptor', async () => {
    const fd = native.openat2Sync(AT_FDCWD, path, constants.O_DIRECTORY, 0, 0)
    assert.equal(native.mkdiratSync(fd, 'a', 0o700), 0)
    assert.equal(await native.mkdirat(fd, 'a', 0o700), fails(EEXIST))
    assert.equal(await native.mkdirat(fd, 'b', 0o700), 0)
    const [noReplace, exchange] = [1, 2]
    assert.equal(native.renameat2Sync(fd, 'a', fd, 'b', noReplace), fails(EEXIST))
    writeFileSync(at('a', 'inside'), '')
    assert.equal(await native.renameat2(fd, 'a', fd, 'b', exchange), 0)
    assert.deepEqual(readdirSync(at('b')), ['inside'])
    assert.equal(native.unlinkatSync(fd, 'b', AT_REMOVEDIR), fails(ENOTEMPTY))
    assert.equal(native.unlinkatSync(fd, 'a', AT_REMOVEDIR), 0)
    assert.equal(native.unlinkatSync(fd, 'b/inside', 0), 0)
    assert.equal(await native.syncfs(fd), 0)
    native.closeSync(fd)
  })

  it('utimensat keeps every nanosecond, before 1970 too, and leaves what is null', () => {
    writeFileSync(at('times'), '')
    symlinkSync('times', at('timeslink'))
    for (const time of [0n, 1n, 1234567890_123456789n, -1n, -1234567890_123456789n, 4102444800_000000001n]) {
      assert.equal(native.utimensatSync(AT_FDCWD, at('times'), time, time + 1n, 0), 0)
      const stat = statSync(at('times'), { bigint: true })
      assert.equal(stat.atimeNs, time)
      assert.equal(stat.mtimeNs, time + 1n)
    }
    assert.equal(native.utimensatSync(AT_FDCWD, at('times'), null, 5n, 0), 0)
    assert.equal(statSync(at('times'), { bigint: true }).atimeNs, 4102444800_000000001n)
    assert.equal(native.utimensatSync(AT_FDCWD, at('timeslink'), 7n, 8n, AT_SYMLINK_NOFOLLOW), 0)
    assert.equal(lstatSync(at('timeslink'), { bigint: true }).mtimeNs, 8n)
    assert.equal(statSync(at('times'), { bigint: true }).mtimeNs, 5n)
  })

  it('statx answers what node:fs answers, and more', async () => {
    writeFileSync(at('stat'), 'hello')
    linkSync(at('stat'), at('stat2'))
    truncateSync(at('stat'), 5_000_000_000)
    const row = await native.statx(AT_FDCWD, at('stat'), 0, 0xfff | 0x1000)
    assert.ok(typeof row !== 'number')
    assert.equal(row.length, StatxField.count)
    const stat = statSync(at('stat'), { bigint: true })
    const field = (name: keyof typeof StatxField): bigint => row[StatxField[name]]!
    for (const name of ['mode', 'nlink', 'uid', 'gid', 'ino', 'size', 'blocks', 'blksize'] as const) {
      assert.equal(field(name), stat[name], name)
    }
    assert.equal(field('atime'), stat.atimeNs)
    assert.equal(field('mtime'), stat.mtimeNs)
    assert.equal(field('ctime'), stat.ctimeNs)
    assert.equal((field('devMajor') << 8n) | field('devMinor'), stat.dev)
    const proc = native.statxSync(AT_FDCWD, '/proc', 0, 0x1000)
    assert.ok(typeof proc !== 'number')
    const mountRoot = 0x2000n
    assert.ok(proc[StatxField.attributesMask]! & mountRoot && proc[StatxField.attributes]! & mountRoot)
    assert.ok(!(field('attributes') & mountRoot))
    const id = new RegExp(`^${proc[StatxField.mountId]!} .* /proc `, 'm')
    assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), id)
    assert.equal(native.statxSync(AT_FDCWD, at('none'), 0, 0), fails(ENOENT))
  })

  it('statfs answers what node:fs answers', async () => {
    const row = await native.statfs('/proc')
    assert.ok(typeof row !== 'number')
    assert.equal(row.length, StatfsField.count)
    assert.equal(row[StatfsField.type], 0x9fa0n)
    assert.equal(row[StatfsField.bsize], statfsSync('/proc', { bigint: true }).bsize)
    assert.equal(native.statfsSync(at('none')), fails(ENOENT))
  })

  itAsRoot('mknodat makes devices of any number, whiteouts among them', () => {
    for (const [major, minor] of [
      [0, 0],
      [1, 3],
      [511, 255],
      [4095, 1048575],
    ] as const) {
      const node = at(`node-${major}-${minor}`)
      assert.equal(native.mknodatSync(AT_FDCWD, node, constants.S_IFCHR | 0o600, major, minor), 0)
      const row = native.statxSync(AT_FDCWD, node, 0, 0x7ff)
      assert.ok(typeof row !== 'number')
      assert.equal(row[StatxField.rdevMajor], BigInt(major))
      assert.equal(row[StatxField.rdevMinor], BigInt(minor))
    }
    assert.equal(native.mknodatSync(AT_FDCWD, at('x'), constants.S_IFCHR, 4096, 0), fails(EINVAL))
    assert.equal(native.mknodatSync(AT_FDCWD, at('x'), constants.S_IFCHR, 0, 1048576), fails(EINVAL))
  })

  itAsRoot('xattrs are bytes of any size, of links too', async () => {
    mkdirSync(at('x'))
    symlinkSync('x', at('xlink'))
    const name = 'trusted.graphdriver'
    for (const size of [0, 1, 1023, 1024, 1025, 3000]) {
      const value = Buffer.alloc(size, '\xff\0a', 'latin1')
      assert.equal(await native.setxattr(at('x'), name, value, 0, true), 0)
      assert.deepEqual(native.getxattrSync(at('xlink'), name, true), value)
    }
    assert.equal(native.getxattrSync(at('xlink'), name, false), fails(ENODATA))
    assert.equal(native.setxattrSync(at('xlink'), name, Buffer.from('link'), 1, false), 0)
    assert.equal(native.setxattrSync(at('xlink'), name, Buffer.from('link'), 1, false), fails(EEXIST))
    assert.deepEqual(await native.getxattr(at('xlink'), name, false), Buffer.from('link'))
    assert.ok(String(await native.listxattr(at('xlink'), false)).includes(`${name}\0`))
    assert.equal(await native.removexattr(at('xlink'), name, false), 0)
    assert.equal(native.removexattrSync(at('xlink'), name, false), fails(ENODATA))
    assert.ok(!String(native.listxattrSync(at('xlink'), false)).includes(name))
    assert.ok(String(native.listxattrSync(at('x'), true)).includes(`${name}\0`))
  })

  it('no descriptor of the addon is inherited by a child', () => {
    const fd = native.openat2Sync(AT_FDCWD, make('exec'), constants.O_DIRECTORY, 0, 0)
    const done = spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' })
    assert.ok(!done.stdout.split('\n').includes(String(fd)))
    native.closeSync(fd)
  })
})
