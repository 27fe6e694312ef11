import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import type { TreeFailure } from '#lib/sys/native.js'

import { LONG } from '../figures.ts'
import { skip } from '../skip.ts'
import { addonPath, AT_FDCWD, itAsRoot, itMounts, native, openFds, scratch } from './support.ts'

const isRoot = process.getuid?.() === 0
const { EINVAL, ENOENT, ENOTDIR, ELOOP, EXDEV, EEXIST, EPERM } = native.errnos
const setTimes = (path: Buffer, time: bigint): void => {
  assert.equal(native.utimensatSync(AT_FDCWD, path, time, time + 111n, 0x100), 0)
}

/** A path below `root`, both as latin1: one character a byte, since names need not be UTF-8. */
const bytes = (root: string, relative: string): Buffer => Buffer.from(`${root}/${relative}`, 'latin1')

function xattrsOf(path: Buffer): [string, string][] {
  const names = native.listxattrSync(path, false)
  if (typeof names === 'number') return []
  const each = Buffer.from(names).toString().split('\0')
  return each
    .filter((name) => name !== '')
    .sort()
    .map((name) => [name, Buffer.from(native.getxattrSync(path, name, false) as Uint8Array).toString('hex')])
}

/** Everything that a copy must have, by path: a group is a set of names that share an inode. */
function describeTree(root: string): Map<string, unknown> {
  const groups = new Map<bigint, number>()
  const seen = new Map<string, unknown>()
  const visit = (relative: string): void => {
    const path = bytes(root, relative)
    const stat = lstatSync(path, { bigint: true })
    const directory = stat.isDirectory()
    const { mode, uid, gid, rdev, mtimeNs } = stat
    if (!groups.has(stat.ino)) groups.set(stat.ino, groups.size)
    seen.set(relative, {
      ...{ mode, uid, gid, rdev, mtimeNs },
      ...(directory ? {} : { size: stat.size, links: stat.nlink, group: groups.get(stat.ino) }),
      xattrs: xattrsOf(path),
      link: stat.isSymbolicLink() ? readlinkSync(path) : '',
    })
    if (!directory) return
    for (const name of readdirSync(path, 'latin1').sort()) visit(`${relative}/${name}`)
  }
  visit('.')
  return seen
}

/** Apart from `describeTree`, which itself reads directories and links. */
function atimesOf(root: string, paths: readonly string[]): bigint[] {
  return paths.map((path) => lstatSync(bytes(root, path), { bigint: true }).atimeNs)
}

function failure(answer: number | TreeFailure): [number, string, string] {
  assert.ok(typeof answer === 'object', JSON.stringify(answer))
  return [answer.errno, answer.syscall, Buffer.from(answer.path).toString('latin1')]
}

/** A tree with one of everything; as an ordinary user, with what such a one can make. */
function makeTree(root: string): void {
  mkdirSync(join(root, 'a/b/c'), { recursive: true })
  mkdirSync(join(root, 'we ird\n'))
  mkdirSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe])]))
  writeFileSync(join(root, 'a/f'), 'hi')
  linkSync(join(root, 'a/f'), join(root, 'a/b/hardlink'))
  symlinkSync('../nowhere', join(root, 'a/link'))
  linkSync(join(root, 'a/link'), join(root, 'a/b/same link'))
  writeFileSync(join(root, 'big'), Buffer.alloc(3_000_001, 'abcdefg'))
  writeFileSync(join(root, 'empty'), '')
  const sparse = openSync(join(root, 'sparse'), 'w')
  writeSync(sparse, 'middle', 8 << 20)
  truncateSync(join(root, 'sparse'), 32 << 20)
  closeSync(sparse)
  assert.equal(native.mknodatSync(AT_FDCWD, join(root, 'fifo'), constants.S_IFIFO | 0o640, 0, 0), 0)
  assert.equal(native.mknodatSync(AT_FDCWD, join(root, 'whiteout'), constants.S_IFCHR, 0, 0), 0)
  if (isRoot) makePrivileged(root)
  chmodSync(join(root, 'a/f'), 0o4751)
  chmodSync(join(root, 'a/b'), 0o1777)
  chmodSync(join(root, 'big'), 0o444)
  setAllTimes(root)
}

function setAllTimes(root: string): void {
  let time = -1234567890_123456789n
  for (const path of [...describeTree(root).keys()].reverse()) setTimes(bytes(root, path), (time += 1000000007n))
}

function makePrivileged(root: string): void {
  assert.equal(native.mknodatSync(AT_FDCWD, join(root, 'device'), constants.S_IFBLK | 0o660, 300, 70000), 0)
  chownSync(join(root, 'a/f'), 1000, 70000)
  lchownSync(join(root, 'a/link'), 12, 13)
  mkdirSync(join(root, 'group'))
  chownSync(join(root, 'group'), 5, 6)
  chmodSync(join(root, 'group'), 0o2755)
  writeFileSync(join(root, 'group/file'), '')
  native.setxattrSync(join(root, 'a'), 'trusted.one', Buffer.alloc(900, 'x'), 0, false)
  native.setxattrSync(join(root, 'a/f'), 'trusted.two', Buffer.from('\xff'), 0, false)
  native.setxattrSync(join(root, 'a/link'), 'trusted.three', Buffer.from(''), 0, false)
  native.setxattrSync(join(root, 'fifo'), 'trusted.four', Buffer.from('f'), 0, false)
  chmodSync(join(root, 'a/b/c'), 0)
}

describe('native: copyTree', () => {
  const { at, make } = scratch()

  it('copies everything, exactly', async () => {
    makeTree(make('source'))
    const before = describeTree(at('source'))
    const fds = openFds()
    for (const name of ['sync', 'promise']) {
      const answer =
        name === 'sync'
          ? native.copyTreeSync(at('source'), make(name), 0)
          : await native.copyTree(at('source'), make(name), 0)
      assert.equal(answer, before.size - 1, JSON.stringify(answer))
      assert.deepEqual(describeTree(at(name)), before)
      for (const file of ['big', 'sparse', 'a/f']) {
        assert.ok(readFileSync(at(name, file)).equals(readFileSync(at('source', file))), file)
      }
      assert.ok(statSync(at(name, 'sparse')).blocks <= statSync(at('source', 'sparse')).blocks)
    }
    assert.equal(openFds(), fds)
  })

  it('times of access are copied too, and the original does not look read', () => {
    makeTree(make('quiet'))
    const paths = [...describeTree(at('quiet')).keys()]
    setAllTimes(at('quiet'))
    const before = atimesOf(at('quiet'), paths)
    assert.ok(native.copyTreeSync(at('quiet'), make('quiet copy'), 0))
    assert.deepEqual(atimesOf(at('quiet copy'), paths), before)
    // readlink(2) has no form that leaves the time alone.
    const isLink = (path: string): boolean => lstatSync(bytes(at('quiet'), path)).isSymbolicLink()
    atimesOf(at('quiet'), paths).forEach((time, index) => {
      if (!isLink(paths[index]!)) assert.equal(time, before[index], paths[index])
    })
  })

  it('GNU tar finds no difference', function () {
    if (spawnSync('tar', ['--version']).status !== 0) skip(this, 'tar is missing')
    makeTree(make('judged'))
    assert.ok(native.copyTreeSync(at('judged'), make('judged copy'), 0))
    const pack = spawnSync('tar', ['-C', at('judged'), '--xattrs', '-cf', at('tar'), '.'], { encoding: 'utf8' })
    assert.equal(pack.status, 0, pack.stderr)
    const compare = spawnSync('tar', ['-C', at('judged copy'), '--xattrs', '-df', at('tar')], { encoding: 'utf8' })
    assert.equal(compare.stdout + compare.stderr, '')
    assert.equal(compare.status, 0)
  })

  it('leaves sockets out', async () => {
    make('sockets')
    const server = createServer().listen(at('sockets', 's'))
    await new Promise((resolve) => server.once('listening', resolve))
    writeFileSync(at('sockets', 'file'), '')
    assert.equal(native.copyTreeSync(at('sockets'), make('no sockets'), 0), 1)
    assert.deepEqual(readdirSync(at('no sockets')), ['file'])
    await new Promise((resolve) => server.close(resolve))
  })

  it('what is in the way is an error, and stays', () => {
    make('full/sub')
    writeFileSync(make('occupied') + '/sub', 'mine')
    assert.deepEqual(failure(native.copyTreeSync(at('full'), at('occupied'), 0)), [-EEXIST!, 'mkdirat', 'sub'])
    assert.equal(readFileSync(at('occupied', 'sub'), 'utf8'), 'mine')
  })

  it('a missing side, a file for a side, or unknown flags', () => {
    const [file, dir] = [at('just a file'), make('just a directory')]
    writeFileSync(file, '')
    assert.deepEqual(failure(native.copyTreeSync(at('none'), dir, 0)), [-ENOENT!, 'openat', ''])
    assert.deepEqual(failure(native.copyTreeSync(dir, at('none'), 0)), [-ENOENT!, 'openat', ''])
    assert.deepEqual(failure(native.copyTreeSync(file, dir, 0)), [-ENOTDIR!, 'openat', ''])
    assert.equal(failure(native.copyTreeSync(dir, dir, 2))[0], -EINVAL!)
  })

  itAsRoot('removes what the target inherited, and gives its own attributes', () => {
    make('plain')
    const target = make('inherited')
    native.setxattrSync(target, 'trusted.stale', Buffer.from('x'), 0, true)
    chmodSync(target, 0o2777)
    chownSync(target, 3, 4)
    chmodSync(at('plain'), 0o711)
    assert.equal(native.copyTreeSync(at('plain'), target, 0), 0)
    assert.deepEqual(describeTree(target), describeTree(at('plain')))
  })

  itAsRoot('without privileges an owner or attribute that cannot be set is an error, unless lenient', () => {
    makeTree(make('owned'))
    for (const name of ['device', 'whiteout']) native.unlinkatSync(AT_FDCWD, at('owned', name), 0)
    chmodSync(at('owned', 'a/b/c'), 0o755)
    chmodSync(at('owned', 'a/f'), 0o755)
    const script = `
      const native = require(${JSON.stringify(addonPath)})
      process.setgid(65534); process.setuid(65534)
      for (const [to, flags] of [['strict', 0], ['lenient', 1]]) {
        const answer = native.copyTreeSync(${JSON.stringify(at('owned'))}, ${JSON.stringify(`${at()}/`)} + to, flags)
        console.log(answer.errno ?? answer, answer.syscall)
      }`
    for (const name of ['strict', 'lenient']) chownSync(make(name), 65534, 65534)
    for (let path = at(); path !== '/tmp' && path !== '/'; path = join(path, '..')) chmodSync(path, 0o755)
    const done = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    const [strict, lenient] = done.stdout.split('\n')
    assert.equal(strict, `${-EPERM!} chown`, done.stderr)
    assert.equal(lenient, `${describeTree(at('owned')).size - 1} undefined`, done.stderr)
    assert.equal(statSync(at('lenient', 'big')).mode & 0o7777, 0o444)
    assert.equal(statSync(at('lenient', 'big')).uid, 65534)
  })

  itMounts('does not enter another mount', () => {
    make('with mount/inside')
    writeFileSync(at('with mount', 'file'), '')
    assert.equal(native.mountSync('none', at('with mount', 'inside'), 'tmpfs', 0, null), 0)
    writeFileSync(at('with mount', 'inside', 'hidden'), '')
    assert.equal(native.copyTreeSync(at('with mount'), make('without'), 0), 2)
    assert.deepEqual(readdirSync(at('without')).sort(), ['file', 'inside'])
    assert.deepEqual(readdirSync(at('without', 'inside')), [])
    assert.equal(native.mountSync(at('with mount', 'inside', 'hidden'), at('with mount', 'file'), null, 4096, null), 0)
    assert.deepEqual(failure(native.copyTreeSync(at('with mount'), make('again'), 0)), [-EXDEV!, 'statx', 'file'])
    for (const name of ['file', 'inside']) assert.equal(native.umount2Sync(at('with mount', name), 0), 0)
  })

  const levels = LONG ? 10_000 : 2000
  it(`is no matter of depth: ${levels} levels, hard links at the bottom`, async () => {
    const home = process.cwd()
    process.chdir(make('deep'))
    for (let level = 0; level < levels; level++) {
      mkdirSync('a level')
      process.chdir('a level')
    }
    writeFileSync('one', 'x')
    linkSync('one', 'two')
    process.chdir(home)
    const fds = openFds()
    assert.equal(await native.copyTree(at('deep'), make('deep copy'), 0), levels + 2)
    assert.equal(await native.removeTree(AT_FDCWD, at('deep')), levels + 3)
    assert.equal(native.removeTreeSync(AT_FDCWD, at('deep copy')), levels + 3)
    assert.equal(openFds(), fds)
  })
})

describe('native: removeTree', () => {
  const { at, make } = scratch()

  it('removes everything, and counts it', async () => {
    for (const form of ['sync', 'promise']) {
      makeTree(make('tree'))
      const size = describeTree(at('tree')).size
      const answer =
        form === 'sync' ? native.removeTreeSync(AT_FDCWD, at('tree')) : await native.removeTree(AT_FDCWD, at('tree'))
      assert.equal(answer, size, JSON.stringify(answer))
      assert.ok(!existsSync(at('tree')))
    }
  })

  it('follows no link, neither inside nor at the end of its path', () => {
    make('kept')
    writeFileSync(at('kept', 'file'), '')
    make('links')
    symlinkSync(at('kept'), at('links', 'to'))
    const [errno, syscall] = failure(native.removeTreeSync(AT_FDCWD, at('links', 'to')))
    // Without openat2(2) it is open(2) that refuses.
    assert.ok(errno === -ELOOP! || errno === -ENOTDIR!, `${errno}`)
    assert.equal(syscall, 'openat2')
    assert.equal(native.removeTreeSync(AT_FDCWD, at('links')), 2)
    assert.deepEqual(readdirSync(at('kept')), ['file'])
  })

  it('takes a name below a descriptor, and slashes at its end', () => {
    make('below/sub/subsub')
    const fd = native.openat2Sync(AT_FDCWD, at('below'), constants.O_DIRECTORY, 0, 0)
    assert.equal(native.removeTreeSync(fd, 'sub///'), 2)
    assert.deepEqual(readdirSync(at('below')), [])
    native.closeSync(fd)
  })

  it('refuses what is no directory’s own name, and what is no directory', () => {
    for (const path of ['/', '', '.', '..', `${at()}/.`, `${at()}/..`, '//']) {
      assert.equal(failure(native.removeTreeSync(AT_FDCWD, path))[0], -EINVAL!, path)
    }
    writeFileSync(at('file'), '')
    assert.equal(failure(native.removeTreeSync(AT_FDCWD, at('file')))[0], -ENOTDIR!)
    assert.equal(failure(native.removeTreeSync(AT_FDCWD, at('none')))[0], -ENOENT!)
    assert.equal(failure(native.removeTreeSync(AT_FDCWD, at('none/none')))[0], -ENOENT!)
  })

  itMounts('never enters or removes another mount, and says where it is', () => {
    make('m/x/y')
    assert.equal(native.mountSync('none', at('m/x/y'), 'tmpfs', 0, null), 0)
    writeFileSync(at('m/x/y', 'file'), '')
    assert.deepEqual(failure(native.removeTreeSync(AT_FDCWD, at('m'))), [-EXDEV!, 'openat2', 'x/y'])
    assert.deepEqual(failure(native.removeTreeSync(AT_FDCWD, at('m/x/y'))), [-EXDEV!, 'openat2', ''])
    assert.deepEqual(readdirSync(at('m/x/y')), ['file'])
    assert.equal(native.umount2Sync(at('m/x/y'), 0), 0)
    // A bind mount of the same filesystem is another mount all the same.
    make('bound')
    writeFileSync(at('bound', 'file'), '')
    assert.equal(native.mountSync(at('bound'), at('m/x/y'), null, 4096, null), 0)
    assert.equal(failure(native.removeTreeSync(AT_FDCWD, at('m')))[0], -EXDEV!)
    assert.deepEqual(readdirSync(at('bound')), ['file'])
    assert.equal(native.umount2Sync(at('m/x/y'), 0), 0)
    assert.equal(native.removeTreeSync(AT_FDCWD, at('m')), 3)
  })

  itAsRoot('an owner without privileges gets rid of directories that he may not write', () => {
    make('stubborn/a/b')
    chmodSync(at(), 0o755)
    const script = `
      const native = require(${JSON.stringify(addonPath)})
      const fs = require('node:fs')
      process.setgid(65534); process.setuid(65534)
      process.chdir(${JSON.stringify(at('stubborn'))})
      fs.writeFileSync('a/b/file', '')
      fs.chmodSync('a/b', 0); fs.chmodSync('a', 0o555)
      console.log(native.removeTreeSync(-100, 'a'))`
    for (const name of ['stubborn', 'stubborn/a', 'stubborn/a/b']) chownSync(at(name), 65534, 65534)
    const done = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    assert.equal(done.stdout, '3\n', done.stderr)
  })

  it('copes with a directory that is filled and emptied meanwhile', async () => {
    make('race/dir')
    let going = true
    const other = (async () => {
      for (let turn = 0; going; turn++) {
        try {
          writeFileSync(at('race', 'dir', `f${turn % 50}`), '')
        } catch {
          return
        }
        await new Promise((resolve) => {
          setImmediate(resolve)
        })
      }
    })()
    const answer = await native.removeTree(AT_FDCWD, at('race'))
    going = false
    await other
    assert.ok(typeof answer === 'number' || answer.errno === -native.errnos['ENOTEMPTY']!, JSON.stringify(answer))
  })

  it('removes a directory of very many entries', () => {
    make('wide')
    for (let index = 0; index < 2000; index++) writeFileSync(at('wide', `${'n'.repeat(100)}${index}`), '')
    assert.equal(native.removeTreeSync(AT_FDCWD, at('wide')), 2001)
  })
})
