import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as sys from 'graphdriver/sys'
import { readPair } from '#lib/sys/names.js'
import { skip } from '../../skip.ts'

describe('files, as an ordinary user', () => {
  let directory: string
  let dirfd: number
  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'file-'))
    dirfd = sys.openat2Sync(sys.AT_FDCWD, directory, { flags: sys.O_PATH | sys.O_DIRECTORY })
  })
  afterEach(() => {
    sys.closeSync(dirfd)
    fs.rmSync(directory, { recursive: true })
  })
  const at = (name: string): string => join(directory, name)

  it('opens below a directory, close-on-exec, and not beyond it', async () => {
    fs.writeFileSync(at('file'), 'x')
    const fd = await sys.openat2(dirfd, 'file', { resolve: sys.RESOLVE_BENEATH })
    assert.match(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /flags:\s+0?2\d{6}\n/)
    await sys.close(fd)
    await assert.rejects(sys.openat2(dirfd, '..', { resolve: sys.RESOLVE_BENEATH }), {
      code: 'EXDEV',
      path: '..',
    })
    await assert.rejects(sys.close(fd), { code: 'EBADF', syscall: 'close' })
  })

  it('makes, renames, exchanges and removes names', async () => {
    await sys.mkdirat(dirfd, 'a', 0o700)
    sys.mkdiratSync(dirfd, 'b', 0o711)
    await assert.rejects(sys.renameat2(dirfd, 'a', dirfd, 'b', sys.RENAME_NOREPLACE), {
      code: 'EEXIST',
      path: 'a',
      dest: 'b',
    })
    await sys.renameat2(dirfd, 'a', dirfd, 'b', sys.RENAME_EXCHANGE)
    assert.equal(fs.statSync(at('a')).mode & 0o777, 0o711)
    await sys.unlinkat(dirfd, 'a', sys.AT_REMOVEDIR)
    sys.unlinkatSync(dirfd, 'b', sys.AT_REMOVEDIR)
    assert.deepEqual(fs.readdirSync(directory), [])
  })

  it('sets times to the nanosecond, before 1970 and of a link too', async () => {
    fs.writeFileSync(at('file'), '')
    fs.symlinkSync('file', at('link'))
    await sys.utimensat(dirfd, 'file', 1_234_567_890_123_456_789n, -1n)
    await sys.utimensat(dirfd, 'link', null, 7_000_000_001n, sys.AT_SYMLINK_NOFOLLOW)
    const file = await sys.statx(at('file'))
    assert.equal(file.atimeNs, 1_234_567_890_123_456_789n)
    assert.equal(file.mtimeNs, -1n)
    assert.equal(fs.lstatSync(at('link'), { bigint: true }).mtimeNs, 7_000_000_001n)
  })

  it('makes a fifo', async () => {
    await sys.mknodat(dirfd, 'fifo', fs.constants.S_IFIFO | 0o600)
    assert(fs.statSync(at('fifo')).isFIFO())
  })

  it('reads a small file whole, but no more than is allowed, and no link', async () => {
    fs.writeFileSync(at('file'), 'twelve bytes')
    fs.symlinkSync('file', at('link'))
    assert.equal(String(await sys.readFile({ dirfd, path: 'file' }, 12)), 'twelve bytes')
    assert.equal(String(sys.readFileSync(at('file'), 100)), 'twelve bytes')
    await assert.rejects(sys.readFile(at('file'), 11), { code: 'EFBIG', path: at('file') })
    await assert.rejects(sys.readFile(at('link'), 100), { code: 'ELOOP' })
    await assert.rejects(sys.readFile(at('nothing'), 100), { code: 'ENOENT' })
  })

  it('reads a small file and the one that its first line names', async () => {
    const put = (name: string, text: string): void => fs.writeFileSync(at(name), Buffer.from(text, 'latin1'))
    const read = (name: string, limit = 1000): Promise<unknown> => readPair(directory, name, limit)
    put('one', 'two\nthree\n')
    put('two', 'three\n\xff\0')
    put('blank', '\n\ntwo\n')
    assert.deepEqual(await read('one'), ['two\nthree\n', 'three\n\xff\0'])
    assert.deepEqual(await read('blank'), ['\n\ntwo\n', 'three\n\xff\0'])
    assert.deepEqual(await read('two'), ['three\n\xff\0'])
    // What is no name of a file beside it is not opened; nor is a line that has no end.
    fs.mkdirSync(at('directory'))
    fs.symlinkSync('one', at('link'))
    for (const line of [
      '',
      '..',
      '.hidden',
      '../one',
      '/etc/passwd',
      'one\0',
      'directory',
      'link',
      'x'.repeat(256),
    ]) {
      put('odd', `${line}\n`)
      assert.deepEqual(await read('odd'), [`${line}\n`], line)
    }
    put('odd', 'one')
    assert.deepEqual(await read('odd'), ['one'])
    assert.deepEqual(await read('one', 10), ['two\nthree\n', 'three\n\xff\0'])
    await assert.rejects(read('one', 9), { code: 'EFBIG', path: at('one') })
    await assert.rejects(read('nothing'), { code: 'ENOENT', path: at('nothing') })
    await assert.rejects(read('link'), { code: 'ELOOP' })
  })

  it('tells of a file what lstat tells', async () => {
    fs.writeFileSync(at('file'), 'content')
    const seen = await sys.statx('file', { dirfd, flags: sys.AT_SYMLINK_NOFOLLOW })
    const wanted = fs.lstatSync(at('file'), { bigint: true })
    assert.deepEqual([seen.mode, seen.nlink, seen.uid, seen.gid, seen.size, seen.blocks].map(BigInt), [
      wanted.mode,
      wanted.nlink,
      wanted.uid,
      wanted.gid,
      wanted.size,
      wanted.blocks,
    ])
    assert.deepEqual(
      [seen.ino, seen.atimeNs, seen.mtimeNs, seen.ctimeNs],
      [wanted.ino, wanted.atimeNs, wanted.mtimeNs, wanted.ctimeNs],
    )
    assert.equal(seen.mask & sys.STATX_BASIC_STATS, sys.STATX_BASIC_STATS)
    assert.equal(
      sys.statxSync('', { dirfd, flags: sys.AT_EMPTY_PATH }).ino,
      fs.statSync(directory, { bigint: true }).ino,
    )
    assert.deepEqual(sys.statxSync('/dev/null').rdev, { major: 1, minor: 3 })
  })

  it('tells of a filesystem what Node tells', async () => {
    const seen = await sys.statfs(directory)
    const wanted = fs.statfsSync(directory)
    assert.equal(seen.type, wanted.type)
    assert.equal(seen.bsize, wanted.bsize)
    assert.equal(seen.blocks, wanted.blocks)
    assert.equal(sys.filesystemName((await sys.statfs('/proc')).type), 'proc')
    assert.equal(sys.filesystemName(0x1234), '0x1234')
  })

  it('keeps extended attributes of any bytes', async function () {
    fs.writeFileSync(at('file'), '')
    const value = Buffer.from([0, 255, 0])
    try {
      sys.setxattrSync(at('file'), 'user.a', value)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTSUP') throw error
      skip(this, 'the filesystem of the temporary directory has none')
    }
    await assert.rejects(sys.setxattr(at('file'), 'user.a', value, { flags: sys.XATTR_CREATE }), {
      code: 'EEXIST',
    })
    await sys.setxattr(at('file'), 'user.b', Buffer.alloc(0))
    assert.deepEqual(await sys.getxattr(at('file'), 'user.a'), value)
    // A kernel with SELinux shows its label, too.
    const own = (names: readonly string[]): string[] =>
      names.filter((name) => name.startsWith('user.')).sort()
    assert.deepEqual(own(await sys.listxattr(at('file'))), ['user.a', 'user.b'])
    const bytes = sys.listxattrSync(at('file'), { encoding: 'buffer' })
    assert.deepEqual(own(bytes.map(String)), ['user.a', 'user.b'])
    await sys.removexattr(at('file'), 'user.a')
    await assert.rejects(sys.getxattr(at('file'), 'user.a'), {
      code: 'ENODATA',
      syscall: 'getxattr',
      detail: 'user.a',
    })
    fs.symlinkSync('file', at('link'))
    assert.deepEqual(sys.getxattrSync(at('link'), 'user.b'), Buffer.alloc(0))
    assert.throws(() => sys.getxattrSync(at('link'), 'user.b', { nofollow: true }), { code: 'ENODATA' })
  })

  it('locks ranges against other descriptions, and upgrades without letting go', async () => {
    fs.writeFileSync(at('lock'), '')
    const [one, other] = [fs.openSync(at('lock'), 'r+'), fs.openSync(at('lock'), 'r+')]
    try {
      assert.equal(await sys.setLock(one, sys.F_RDLCK, 10, 5), true)
      assert.equal(await sys.setLock(other, sys.F_RDLCK, 10, 5), true)
      assert.equal(await sys.setLock(one, sys.F_WRLCK, 10, 5), false)
      assert.equal(await sys.getLock(other, sys.F_WRLCK, 14, 1), sys.F_RDLCK)
      assert.equal(sys.getLockSync(other, sys.F_WRLCK, 15, 0), sys.F_UNLCK)
      assert.equal(sys.setLockSync(other, sys.F_UNLCK, 10, 5), true)
      assert.equal(sys.setLockSync(one, sys.F_WRLCK, 10, 5), true)
      assert.equal(sys.getLockSync(other, sys.F_RDLCK, 10, 1), sys.F_WRLCK)
    } finally {
      fs.closeSync(one)
      fs.closeSync(other)
    }
  })

  it('removes a tree, and never what a link in it leads to', async () => {
    fs.mkdirSync(at('tree/deep/er'), { recursive: true })
    fs.mkdirSync(at('kept'))
    fs.writeFileSync(at('kept/file'), '')
    fs.writeFileSync(at('tree/deep/file'), '')
    fs.symlinkSync(at('kept'), at('tree/link'))
    assert.equal(await sys.removeTree({ dirfd, path: 'tree' }), 5)
    assert.deepEqual(fs.readdirSync(directory), ['kept'])
    assert.deepEqual(fs.readdirSync(at('kept')), ['file'])
    await assert.rejects(sys.removeTree(at('tree')), { code: 'ENOENT', path: at('tree') })
    fs.symlinkSync('kept', at('link'))
    await assert.rejects(sys.removeTree(at('link')), { code: 'ELOOP' })
    assert.deepEqual(fs.readdirSync(at('kept')), ['file'])
  })

  it('copies a tree exactly', async () => {
    fs.mkdirSync(at('from/sub'), { recursive: true })
    fs.writeFileSync(at('from/a'), 'a')
    fs.linkSync(at('from/a'), at('from/sub/b'))
    fs.symlinkSync('a', at('from/link'))
    fs.chmodSync(at('from/sub'), 0o751)
    fs.mkdirSync(at('to'))
    sys.utimensatSync(dirfd, 'from/a', 1n, 123_456_789n)
    sys.utimensatSync(dirfd, 'from/sub', 1n, 987_654_321n)
    assert.equal(await sys.copyTree(at('from'), at('to')), 4)
    const a = fs.statSync(at('to/a'), { bigint: true })
    assert.equal(a.mtimeNs, 123_456_789n)
    assert.equal(a.ino, fs.statSync(at('to/sub/b'), { bigint: true }).ino)
    assert.equal(fs.readlinkSync(at('to/link')), 'a')
    const sub = fs.statSync(at('to/sub'), { bigint: true })
    assert.equal(sub.mode & 0o777n, 0o751n)
    assert.equal(sub.mtimeNs, 987_654_321n)
    await assert.rejects(sys.copyTree(at('nothing'), at('to')), { code: 'ENOENT' })
  })
})
