import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'

import { isSince } from '../kernel/since.ts'
import { itUnless } from '../skip.ts'
import { AT_FDCWD, itMounts, mountsBelow, native, noMounts, openFds, scratch } from './support.ts'

const MS_RDONLY = 1
const MS_REMOUNT = 32
const MS_BIND = 4096
const MS_MOVE = 8192
const MNT_DETACH = 2
const FROM_EMPTY_PATH = 4
const { EINVAL, ENODEV, E2BIG, ENOENT, EROFS, ENOTDIR } = native.errnos
const fails = (errno: number | undefined): number => -errno!
const words = (...all: string[]): Buffer => Buffer.from(all.map((word) => `${word}\0`).join(''))

describe('native: mounts', () => {
  const { path, at, make } = scratch()
  const nothing = new Int32Array()

  afterEach(() => {
    assert.equal(mountsBelow(path), 0)
  })

  it('data of a page is refused before the kernel cuts it', async () => {
    const full = `x=${'y'.repeat(native.pageSize - 2)}`
    assert.equal(full.length, native.pageSize)
    assert.equal(native.mountSync('none', '/no/such', 'tmpfs', 0, full), fails(E2BIG))
    assert.equal(await native.mount('none', '/no/such', 'tmpfs', 0, Buffer.from(full)), fails(E2BIG))
    assert.equal(await native.mountAt('/', 'none', '/no/such', 'tmpfs', 0, full), fails(E2BIG))
    assert.equal(native.mountSync('none', '/no/such', 'tmpfs', 0, full.slice(1)), fails(ENOENT))
  })

  itMounts('mounts, remounts, binds, moves and unmounts, both ways', async () => {
    const [a, b] = [make('a'), make('b')]
    assert.equal(native.mountSync('none', a, 'tmpfs', 0, 'size=1m'), 0)
    writeFileSync(`${a}/file`, 'x')
    assert.equal(await native.mount(null, a, null, MS_REMOUNT | MS_RDONLY, null), 0)
    assert.throws(() => {
      writeFileSync(`${a}/file`, 'y')
    })
    assert.equal(await native.mount(a, b, null, MS_BIND, null), 0)
    assert.deepEqual(readdirSync(b), ['file'])
    assert.equal(native.umount2Sync(b, 0), 0)
    assert.equal(native.mountSync(a, b, null, MS_MOVE, null), 0)
    assert.deepEqual([readdirSync(a), readdirSync(b)], [[], ['file']])
    assert.equal(await native.umount2(b, 0), 0)
    assert.equal(await native.umount2(b, 0), fails(EINVAL))
    assert.equal(await native.mount('none', a, 'nosuchfs', 0, null), fails(ENODEV))
  })

  itMounts('mountAt looks names up from its directory, and changes nobody’s', async () => {
    for (const name of ['lower1', 'lower2', 'union']) make(`at/${name}`)
    writeFileSync(at('at', 'lower1', 'one'), '')
    writeFileSync(at('at', 'lower2', 'two'), '')
    const before = process.cwd()
    for (const data of ['lowerdir=lower1:lower2', Buffer.from('lowerdir=lower2:lower1')]) {
      const mounted = await native.mountAt(at('at'), 'overlay', 'union', 'overlay', 0, data)
      assert.equal(mounted, 0)
      assert.deepEqual(readdirSync(at('at', 'union')).sort(), ['one', 'two'])
      assert.equal(process.cwd(), before)
      assert.equal(native.umount2Sync(at('at', 'union'), 0), 0)
    }
    assert.equal(native.mountAtSync(at('at'), 'overlay', 'union', 'overlay', 0, 'lowerdir=lower1:lower2'), 0)
    assert.equal(process.cwd(), before)
    assert.equal(native.umount2Sync(at('at', 'union'), 0), 0)
    assert.equal(native.mountAtSync(at('none'), 'none', 'x', 'tmpfs', 0, null), fails(ENOENT))
  })

  itMounts('newMount makes a detached mount, which moveMount attaches', async () => {
    const target = make('new')
    const before = openFds()
    const fd = await native.newMount('tmpfs', new Int32Array([1, 0, 1, 0]), words('size', '1m', 'mode', '0700'), 0, 1)
    assert.ok(typeof fd === 'number' && fd >= 0, JSON.stringify(fd))
    assert.equal(openFds(), before + 1)
    assert.equal(await native.moveMount(fd, '', AT_FDCWD, target, FROM_EMPTY_PATH), 0)
    assert.equal(native.closeSync(fd), 0)
    assert.equal(statSync(target).mode & 0o7777, 0o700)
    assert.throws(() => {
      writeFileSync(`${target}/file`, '')
    }, /EROFS/)
    assert.equal(EROFS, 30)
    assert.equal(native.umount2Sync(target, 0), 0)
    assert.equal(openFds(), before)
  })

  itMounts('newMount says at which step the kernel refused, and in its words', async () => {
    const before = openFds()
    const wrong = await native.newMount('tmpfs', new Int32Array([1, 0, 1, 0]), words('size', '1m', 'bogus', 'x'), 0, 0)
    assert.deepEqual(wrong, { errno: fails(EINVAL), step: 2, log: "e tmpfs: Unknown parameter 'bogus'" })
    const type = native.newMountSync('nosuchfs', nothing, new Uint8Array(), 0, 0)
    assert.deepEqual(type, { errno: fails(ENODEV), step: 0, log: '' })
    const create = native.newMountSync('overlay', new Int32Array([1, 0]), words('lowerdir', path), 0, 0)
    assert.ok(typeof create === 'object' && create.errno < 0 && create.step === 2, JSON.stringify(create))
    const flag = native.newMountSync('overlay', new Int32Array([0, 0]), words('userxattr', ''), 0, 0)
    assert.ok(typeof flag === 'object' && flag.step === 2, JSON.stringify(flag))
    assert.equal(native.newMountSync('tmpfs', nothing, new Uint8Array(), 0, -1), 0)
    assert.equal(openFds(), before)
  })

  // Before, overlay refuses them.
  const missing = noMounts() ?? (isSince('6.13') ? undefined : 'needs Linux 6.13')
  itUnless(missing, 'newMount takes directories by descriptor, of any length of path', async () => {
    const long = make(`${'d'.repeat(200)}/${'e'.repeat(200)}`)
    writeFileSync(`${long}/one`, '')
    const O_PATH = 0o10000000
    const lower = [native.openat2Sync(AT_FDCWD, long, O_PATH, 0, 0), native.openat2Sync(AT_FDCWD, make('l'), O_PATH, 0, 0)]
    const commands = new Int32Array(lower.flatMap((fd) => [5, fd]))
    const fd = await native.newMount('overlay', commands, words('lowerdir+', '', 'lowerdir+', ''), 0, 0)
    assert.ok(typeof fd === 'number' && fd >= 0, JSON.stringify(fd))
    assert.deepEqual(readdirSync(`/proc/self/fd/${fd}`), ['one'])
    for (const each of [fd, ...lower]) assert.equal(await native.close(each), 0)
  })

  it('settings that do not fit together never reach the kernel', () => {
    const refused = { errno: fails(EINVAL), step: 0, log: '' }
    const cases: [Int32Array, Uint8Array][] = [
      [new Int32Array([1]), words('a', 'b')],
      [new Int32Array([1, 0]), words('a')],
      [new Int32Array([1, 0]), Buffer.from('a\0b')],
      [new Int32Array([1, 0]), new Uint8Array()],
      [nothing, words('a', 'b')],
      [new Int32Array([1, 0, 1, 0]), words('a', 'b', 'c')],
    ]
    for (const [commands, text] of cases) {
      assert.deepEqual(native.newMountSync('tmpfs', commands, text, 0, 0), refused)
      assert.deepEqual(native.reconfigureSync(AT_FDCWD, '/', 0, commands, text), refused)
    }
  })

  itMounts('commands other than settings are refused', () => {
    for (const command of [-1, 2, 6, 7, 8, 99]) {
      const answer = native.newMountSync('tmpfs', new Int32Array([command, 0]), words('size', '1m'), 0, 0)
      assert.deepEqual(answer, { errno: fails(EINVAL), step: 1, log: '' })
    }
  })

  itMounts('reconfigure changes a mounted filesystem, or says why not', async () => {
    const target = make('re')
    assert.equal(native.mountSync('none', target, 'tmpfs', 0, 'size=1m'), 0)
    const set = (...all: string[]): Promise<unknown> =>
      native.reconfigure(AT_FDCWD, target, 0, new Int32Array([1, 0]), words(...all))
    assert.equal(await set('size', '2m'), 0)
    const table = native.statfsSync(target)
    assert.ok(typeof table !== 'number' && table[1]! * table[2]! === 2n << 20n)
    assert.deepEqual(await set('bogus', ''), {
      errno: fails(EINVAL),
      step: 1,
      log: "e tmpfs: Unknown parameter 'bogus'",
    })
    const answer = native.reconfigureSync(AT_FDCWD, at('none'), 0, nothing, new Uint8Array())
    assert.deepEqual(answer, { errno: fails(ENOENT), step: 0, log: '' })
    assert.equal(native.umount2Sync(target, 0), 0)
  })

  itMounts('openTree clones, mountSetattr makes it read-only before anybody sees it', async () => {
    const [source, target] = [make('source'), make('target')]
    writeFileSync(`${source}/file`, '')
    const [clone, readOnly] = [1, 1n]
    const fd = await native.openTree(AT_FDCWD, source, clone)
    assert.ok(fd >= 0)
    assert.equal(await native.mountSetattr(fd, '', 0x1000, readOnly, 0n, 0n, -1), 0)
    assert.equal(native.moveMountSync(fd, '', AT_FDCWD, target, FROM_EMPTY_PATH), 0)
    native.closeSync(fd)
    assert.throws(() => {
      writeFileSync(`${target}/file`, 'x')
    }, /EROFS/)
    assert.equal(native.mountSetattrSync(AT_FDCWD, target, 0, 0n, readOnly, 0n, -1), 0)
    writeFileSync(`${target}/file`, 'x')
    assert.equal(await native.umount2(target, MNT_DETACH), 0)
    assert.equal(native.openTreeSync(AT_FDCWD, at('none'), clone), fails(ENOENT))
    assert.equal(native.openTreeSync(AT_FDCWD, `${source}/file/x`, clone), fails(ENOTDIR))
  })

  itMounts('a hundred at once, and none left', async () => {
    const targets = Array.from({ length: 100 }, (_, index) => {
      mkdirSync(at(`many${index}`))
      return at(`many${index}`)
    })
    const mounted = await Promise.all(targets.map((target) => native.mount('none', target, 'tmpfs', 0, null)))
    assert.deepEqual(new Set(mounted), new Set([0]))
    assert.equal(mountsBelow(path), 100)
    const gone = await Promise.all(targets.map((target) => native.umount2(target, 0)))
    assert.deepEqual(new Set(gone), new Set([0]))
  })
})
