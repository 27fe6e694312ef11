import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'

import * as sys from 'graphdriver/sys'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'
import { itSince } from '../since.ts'

describeMounts('the system calls', (directory) => {
  const entryAt = (path: string): sys.MountinfoEntry => {
    const entry = sys.mountinfoSync().byMountPoint(path)
    assert(entry, `nothing is mounted at ${path}`)
    return entry
  }

  describe('mount(2) and umount2(2)', () => {
    it('mount a tmpfs, remount it and take it down, sync and by promise', async () => {
      const { a } = directories(directory(), 'a')
      await sys.mount('my source', a, 'tmpfs', sys.MS_NODEV, 'size=1m,mode=0711')
      const { type, source, options, superOptions } = entryAt(a)
      assert.deepEqual([type, source, options], ['tmpfs', 'my source', 'rw,nodev,relatime'])
      await sys.mount('', a, 'tmpfs')
      assert.equal(entryAt(a).source, '')
      sys.umount2Sync(a)
      assert.match(superOptions, /^rw,(seclabel,)?size=1024k,mode=711/)
      sys.mountSync(null, a, null, sys.MS_REMOUNT | sys.MS_BIND | sys.MS_RDONLY)
      assert.throws(
        () => {
          fs.writeFileSync(join(a, 'x'), '')
        },
        { code: 'EROFS' },
      )
      await sys.mount(null, a, null, sys.MS_REMOUNT, 'size=2m')
      assert.match(entryAt(a).superOptions, /size=2048k/)
      await sys.umount2(a, sys.UMOUNT_NOFOLLOW)
      assert.equal(sys.mountinfoSync().byMountPoint(a), undefined)
    })
    it('bind, move and change propagation', () => {
      const { a, b, c } = directories(directory(), 'a', 'b', 'c')
      sys.mountSync('t', a, 'tmpfs')
      sys.mountSync(null, a, null, sys.MS_PRIVATE)
      fs.writeFileSync(join(a, 'file'), 'x')
      sys.mountSync(a, b, null, sys.MS_BIND)
      assert.equal(fs.readFileSync(join(b, 'file'), 'utf8'), 'x')
      sys.mountSync(b, c, null, sys.MS_MOVE)
      assert.deepEqual(fs.readdirSync(b), [])
      assert.equal(fs.readFileSync(join(c, 'file'), 'utf8'), 'x')
      sys.mountSync(null, c, null, sys.MS_SHARED)
      assert.equal(typeof entryAt(c).propagation.shared, 'number')
      sys.mountSync(null, c, null, sys.MS_UNBINDABLE)
      assert.deepEqual(entryAt(c).propagation, { unbindable: true, others: [] })
      assert.throws(
        () => {
          sys.mountSync(c, b, null, sys.MS_BIND)
        },
        { code: 'EINVAL' },
      )
    })
    it('tell of a slave and its master', () => {
      const { a, b } = directories(directory(), 'a', 'b')
      sys.mountSync('t', a, 'tmpfs')
      sys.mountSync(null, a, null, sys.MS_SHARED)
      sys.mountSync(a, b, null, sys.MS_BIND)
      sys.mountSync(null, b, null, sys.MS_SLAVE)
      assert.equal(entryAt(b).propagation.master, entryAt(a).propagation.shared)
    })
    it('give the exact errors', async () => {
      const { a } = directories(directory(), 'a')
      const nowhere = join(directory(), 'nowhere')
      const full = 'x'.repeat(sys.pageSize())
      await assert.rejects(sys.mount('s', a, 'nosuchfs'), {
        code: 'ENODEV',
        syscall: 'mount',
        path: 's',
        dest: a,
      })
      await assert.rejects(sys.mount('s', nowhere, 'tmpfs'), { code: 'ENOENT', dest: nowhere })
      await assert.rejects(sys.mount('s', a, 'tmpfs', 0, full), { code: 'E2BIG', errno: -7 })
      await assert.rejects(sys.mount('s', a, 'tmpfs', 0, full.slice(1)), { code: 'EINVAL' })
      await assert.rejects(sys.mount(a, a, 'ext4'), {
        code: 'ENOTBLK',
        message: /^ENOTBLK: block device required, mount/,
      })
      await assert.rejects(sys.umount2(a), { code: 'EINVAL', syscall: 'umount2', path: a })
      sys.mountSync('t', a, 'tmpfs')
      fs.symlinkSync(a, nowhere)
      await assert.rejects(sys.umount2(nowhere, sys.UMOUNT_NOFOLLOW), { code: 'EINVAL' })
      await assert.rejects(sys.umount2(a, sys.MNT_EXPIRE), { code: 'EAGAIN' })
      const fd = fs.openSync(a, 'r')
      await assert.rejects(sys.umount2(a), { code: 'EBUSY', errno: -16 })
      fs.closeSync(fd)
      sys.umount2Sync(nowhere)
    })
    it('never cut data: the last byte of a page counts, and one more is refused', () => {
      // A tmpfs takes an option any number of times, and the last one wins; a cut number would be a smaller one.
      const { a } = directories(directory(), 'a')
      const head = 'size=1m,'.repeat(400)
      // In octal, by the zeros before it.
      const tail = '6000k'
      const zeros = '0'.repeat(sys.pageSize() - 1 - head.length - 'size='.length - tail.length)
      const data = `${head}size=${zeros}${tail}`
      assert.equal(data.length, sys.pageSize() - 1)
      sys.mountSync('t', a, 'tmpfs', 0, data)
      assert.match(entryAt(a).superOptions, /size=3072k/)
      sys.umount2Sync(a)
      assert.throws(
        () => {
          sys.mountSync('t', a, 'tmpfs', 0, `0${data}`)
        },
        { code: 'E2BIG' },
      )
      assert.equal(sys.mountinfoSync().byMountPoint(a), undefined)
    })
    it('take names that are no UTF-8', async () => {
      const strange = Buffer.concat([Buffer.from(`${directory()}/`), Buffer.from([0xff, 0x20, 0x5c, 0x0a])])
      fs.mkdirSync(strange)
      await sys.mount(Buffer.from([0xfe]), strange, 'tmpfs')
      const entry = sys.mountinfoSync().byMountPoint(strange)
      assert.deepEqual(entry?.mountPointBytes, strange)
      assert.deepEqual(entry?.sourceBytes, Buffer.from([0xfe]))
      await sys.umount2(strange)
      await assert.rejects(sys.umount2(strange), (error: sys.SyscallError) => {
        assert.deepEqual(error.pathBytes, strange)
        return error.code === 'EINVAL'
      })
    })
  })

  describe('mount(2) relative to a directory', () => {
    it('takes relative names in the data, and leaves the working directory alone', async () => {
      const { merged } = directories(directory(), 'upper', 'work', 'merged', 'l1', 'l2')
      fs.writeFileSync(join(directory(), 'l1/one'), '1')
      fs.writeFileSync(join(directory(), 'l2/two'), '2')
      const before = process.cwd()
      const data = 'lowerdir=l1:l2,upperdir=upper,workdir=work'
      await sys.mountAt(directory(), 'o', 'merged', 'overlay', 0, data)
      assert.deepEqual(fs.readdirSync(merged).sort(), ['one', 'two'])
      assert.equal(process.cwd(), before)
      sys.umount2Sync(merged)
      sys.mountAtSync(directory(), 'o', merged, 'overlay', sys.MS_RDONLY, 'lowerdir=l1:l2')
      assert.deepEqual(fs.readdirSync(merged).sort(), ['one', 'two'])
      sys.umount2Sync(merged)
      await assert.rejects(sys.mountAt(join(directory(), 'none'), 'o', merged, 'overlay', 0, data), {
        code: 'ENOENT',
      })
    })
    it('takes the numbers of descriptors as names: hundreds of layers in one page', async () => {
      const names = Array.from({ length: 300 }, (_, index) => `${'long-name-'.repeat(10)}${index}`)
      directories(directory(), ...names)
      const { merged } = directories(directory(), 'merged')
      for (const [index, name] of names.entries()) fs.writeFileSync(join(directory(), name, `f${index}`), '')
      const fds = names.map((name) =>
        sys.openat2Sync(sys.AT_FDCWD, join(directory(), name), { flags: sys.O_PATH }),
      )
      try {
        await sys.mountAt('/proc/self/fd', 'o', merged, 'overlay', 0, `lowerdir=${fds.join(':')}`)
      } finally {
        for (const fd of fds) sys.closeSync(fd)
      }
      assert.equal(fs.readdirSync(merged).length, 300)
    })
  })

  describe('the newer interface', () => {
    it('makes a mount that nobody sees until it is attached', async () => {
      const { a } = directories(directory(), 'a')
      const before = openDescriptors()
      const fd = await sys.newMount({
        type: 'tmpfs',
        settings: [
          { key: 'source', value: 's' },
          { key: 'size', value: '1m' },
        ],
        attributes: sys.MOUNT_ATTR_NODEV,
      })
      fs.writeFileSync(`/proc/self/fd/${fd}/file`, 'hidden')
      assert.deepEqual(fs.readdirSync(a), [])
      await sys.moveMount(fd, '', sys.AT_FDCWD, a, sys.MOVE_MOUNT_F_EMPTY_PATH)
      await sys.close(fd)
      assert.equal(fs.readFileSync(join(a, 'file'), 'utf8'), 'hidden')
      assert.equal(entryAt(a).options, 'rw,nodev,relatime')
      assert.equal(entryAt(a).source, 's')
      assert.deepEqual(openDescriptors(), before)
    })
    it('goes when it is closed', async () => {
      const fd = sys.newMountSync({ type: 'tmpfs' })
      const path = `/proc/self/fd/${fd}`
      assert.deepEqual(fs.readdirSync(path), [])
      await sys.close(fd)
      assert(!fs.existsSync(path))
    })
    it("brings the kernel's own words, and leaks no descriptor", async () => {
      const before = openDescriptors()
      const cases: Array<[sys.NewMountOptions, Partial<sys.SyscallError>]> = [
        [
          { type: 'tmpfs', settings: [{ key: 'bogus', value: '1' }] },
          { code: 'EINVAL', syscall: 'fsconfig', detail: "tmpfs: Unknown parameter 'bogus'" },
        ],
        [
          { type: 'tmpfs', settings: [{ key: 'size', value: 'abc' }] },
          { code: 'EINVAL', syscall: 'fsconfig', detail: "tmpfs: Bad value for 'size'" },
        ],
        [
          {
            type: 'tmpfs',
            settings: [
              { key: 'mode', value: '0700' },
              { key: 'source', value: 'x'.repeat(256) },
            ],
          },
          { code: 'EINVAL', syscall: 'fsconfig', detail: `at source=${'x'.repeat(256)}` },
        ],
        [{ type: 'nosuchfs' }, { code: 'ENODEV', syscall: 'fsopen' }],
      ]
      for (const [options, wanted] of cases) {
        await assert.rejects(sys.newMount(options), wanted)
        assert.throws(() => sys.newMountSync(options), wanted)
      }
      assert.deepEqual(openDescriptors(), before)
    })
    it('tries a filesystem without mounting it', async () => {
      const before = openDescriptors()
      await sys.tryMount({ type: 'tmpfs', settings: [{ key: 'size', value: '1m' }] })
      sys.tryMountSync({ type: 'tmpfs' })
      assert.deepEqual(openDescriptors(), before)
      await assert.rejects(sys.tryMount({ type: 'tmpfs', settings: [{ key: 'nonsense' }] }), {
        detail: "tmpfs: Unknown parameter 'nonsense'",
      })
    })
    itSince('6.13', 'takes layers one by one, as strings and as descriptors of long paths', async () => {
      const long = Array.from({ length: 3 }, () => 'd'.repeat(120)).join('/')
      directories(directory(), long)
      const { short, merged } = directories(directory(), 'short', 'merged')
      fs.writeFileSync(join(directory(), long, 'deep'), '')
      fs.writeFileSync(join(short, 'short'), '')
      const fd = sys.openat2Sync(sys.AT_FDCWD, join(directory(), long), { flags: sys.O_PATH })
      const mount = await sys.newMount({
        type: 'overlay',
        settings: [
          { key: 'lowerdir+', value: short },
          { key: 'lowerdir+', fd },
        ],
      })
      sys.closeSync(fd)
      sys.moveMountSync(mount, '', sys.AT_FDCWD, merged, sys.MOVE_MOUNT_F_EMPTY_PATH)
      sys.closeSync(mount)
      assert.deepEqual(fs.readdirSync(merged).sort(), ['deep', 'short'])
    })
    it('reconfigures by path and by descriptor', async () => {
      const { a } = directories(directory(), 'a')
      sys.mountSync('t', a, 'tmpfs', 0, 'size=1m')
      await sys.reconfigure(sys.AT_FDCWD, a, 0, [{ key: 'size', value: '2m' }])
      assert.match(entryAt(a).superOptions, /size=2048k/)
      const fd = sys.openTreeSync(sys.AT_FDCWD, a)
      sys.reconfigureSync(fd, '', sys.FSPICK_EMPTY_PATH, [{ key: 'size', value: '3m' }])
      sys.closeSync(fd)
      assert.match(entryAt(a).superOptions, /size=3072k/)
      await assert.rejects(sys.reconfigure(sys.AT_FDCWD, a, 0, [{ key: 'x' }]), {
        code: 'EINVAL',
        syscall: 'fsconfig',
        path: a,
        detail: "tmpfs: Unknown parameter 'x'",
      })
      await assert.rejects(sys.reconfigure(sys.AT_FDCWD, join(a, 'x'), 0, []), {
        code: 'ENOENT',
        syscall: 'fspick',
      })
    })
    it('copies a tree of mounts, and makes all of it read-only at one time', async () => {
      const { a, copy } = directories(directory(), 'a', 'copy')
      sys.mountSync('t', a, 'tmpfs')
      directories(a, 'sub')
      sys.mountSync('u', join(a, 'sub'), 'tmpfs')
      fs.writeFileSync(join(a, 'sub/file'), '')
      const flat = await sys.openTree(sys.AT_FDCWD, a, sys.OPEN_TREE_CLONE)
      assert.deepEqual(fs.readdirSync(`/proc/self/fd/${flat}/sub`), [])
      sys.closeSync(flat)
      const fd = await sys.openTree(sys.AT_FDCWD, a, sys.OPEN_TREE_CLONE | sys.AT_RECURSIVE)
      const readOnly = { set: BigInt(sys.MOUNT_ATTR_RDONLY) }
      await sys.mountSetattr(fd, '', sys.AT_EMPTY_PATH | sys.AT_RECURSIVE, readOnly)
      await sys.moveMount(fd, '', sys.AT_FDCWD, copy, sys.MOVE_MOUNT_F_EMPTY_PATH)
      sys.closeSync(fd)
      assert.deepEqual(fs.readdirSync(join(copy, 'sub')), ['file'])
      assert.throws(
        () => {
          fs.writeFileSync(join(copy, 'x'), '')
        },
        { code: 'EROFS' },
      )
      assert.throws(
        () => {
          fs.writeFileSync(join(copy, 'sub/x'), '')
        },
        { code: 'EROFS' },
      )
      fs.writeFileSync(join(a, 'sub/x'), '')
      assert.throws(
        () => {
          sys.mountSetattrSync(sys.AT_FDCWD, join(a, 'sub/x'), 0, readOnly)
        },
        { code: 'EINVAL', syscall: 'mount_setattr' },
      )
    })
    it('moves a mount that is attached', () => {
      const { a, b } = directories(directory(), 'a', 'b')
      sys.mountSync('t', a, 'tmpfs')
      sys.moveMountSync(sys.AT_FDCWD, a, sys.AT_FDCWD, b, 0)
      assert.equal(entryAt(b).source, 't')
      assert.throws(
        () => {
          sys.moveMountSync(sys.AT_FDCWD, a, sys.AT_FDCWD, b, 0)
        },
        { code: 'EINVAL', path: a, dest: b },
      )
    })
  })

  describe('statx', () => {
    it("tells a mount's root, and the mount's id", async () => {
      const { a } = directories(directory(), 'a')
      const root = sys.STATX_ATTR_MOUNT_ROOT
      const before = await sys.statx(a)
      assert.equal(before.attributesMask & root, root)
      assert.equal(before.attributes & root, 0n)
      sys.mountSync('t', a, 'tmpfs')
      const after = await sys.statx(a)
      assert.equal(after.attributes & root, root)
      assert.equal(after.mountId, BigInt(entryAt(a).id))
      assert.notEqual(after.mountId, before.mountId)
      const { major, minor } = entryAt(a)
      assert.deepEqual(after.dev, { major, minor })
    })
  })

  describe('trees', () => {
    it('are never removed across a mount', async () => {
      const { victim, tree } = directories(directory(), 'victim', 'tree')
      fs.writeFileSync(join(victim, 'precious'), '')
      fs.mkdirSync(join(tree, 'sub/mnt'), { recursive: true })
      sys.mountSync(victim, join(tree, 'sub/mnt'), null, sys.MS_BIND)
      await assert.rejects(sys.removeTree(tree), (error: sys.SyscallError) => {
        assert.equal(error.path, join(tree, 'sub/mnt'))
        return error.code === 'EBUSY' || error.code === 'EXDEV'
      })
      assert.deepEqual(fs.readdirSync(victim), ['precious'])
      sys.umount2Sync(join(tree, 'sub/mnt'))
      await sys.removeTree(tree)
      assert(!fs.existsSync(tree))
    })
    it('are never copied across a mount', async () => {
      const { from, to } = directories(directory(), 'from', 'to')
      fs.mkdirSync(join(from, 'mnt'))
      sys.mountSync('t', join(from, 'mnt'), 'tmpfs')
      fs.writeFileSync(join(from, 'mnt/hidden'), '')
      await sys.copyTree(from, to)
      assert(!fs.existsSync(join(to, 'mnt/hidden')))
    })
    it('keep whiteouts and trusted attributes', async () => {
      const { from, to } = directories(directory(), 'from', 'to')
      sys.mknodatSync(sys.AT_FDCWD, join(from, 'whiteout'), fs.constants.S_IFCHR | 0o000, 0, 0)
      fs.mkdirSync(join(from, 'opaque'))
      sys.setxattrSync(join(from, 'opaque'), 'trusted.overlay.opaque', Buffer.from('y'))
      await sys.copyTree(from, to)
      assert.deepEqual(sys.statxSync(join(to, 'whiteout')).rdev, { major: 0, minor: 0 })
      assert(fs.statSync(join(to, 'whiteout')).isCharacterDevice())
      assert.equal(String(sys.getxattrSync(join(to, 'opaque'), 'trusted.overlay.opaque')), 'y')
    })
  })
})
