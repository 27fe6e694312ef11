import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'

import {
  findMount,
  isMountPoint,
  isMountPointSync,
  list,
  mountIdOf,
  uniqueMountIdOf,
} from 'graphdriver/mount'
import * as sys from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import { crossesMount } from '#lib/mount/lookup.js'
import { skip } from '../../skip.ts'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'

/** What findmnt(8) says of a mount. */
interface Findmnt {
  target: string
  source: string
  fstype: string
  'vfs-options': string
  'fs-options': string
  propagation: string
  id: number
  parent: number
}

describeMounts('looking at mounts', (directory) => {
  describe('isMountPoint', () => {
    it('is true exactly where something is mounted', async () => {
      const { a } = directories(directory(), 'a')
      assert.equal(await isMountPoint(a), false)
      sys.mountSync('t', a, 'tmpfs')
      assert.equal(await isMountPoint(a), true)
      fs.mkdirSync(join(a, 'sub'))
      assert.equal(await isMountPoint(join(a, 'sub')), false)
      assert.equal(await isMountPoint('/'), true)
      assert.equal(await isMountPoint(Buffer.from(a)), true)
      await assert.rejects(isMountPoint(join(a, 'x')), { code: 'ENOENT' })
    })
    it('is the same on the calling thread', () => {
      const { a } = directories(directory(), 'a')
      fs.symlinkSync('a', join(directory(), 'link'))
      assert.equal(isMountPointSync(a), false)
      sys.mountSync('t', a, 'tmpfs')
      assert.equal(isMountPointSync(a), true)
      assert.equal(isMountPointSync(join(directory(), 'link')), true)
      assert.equal(isMountPointSync(join(directory(), 'link'), { nofollow: true }), false)
      assert.equal(sys.isMountRootSync(a), true)
      assert.throws(() => isMountPointSync(join(a, 'x')), { code: 'ENOENT', syscall: 'statx' })
      assert.throws(() => isMountPointSync(1 as never), { code: 'ERR_INVALID_ARG_TYPE' })
    })
    it('sees a bind within one filesystem, and one on a file', async () => {
      const { a, b } = directories(directory(), 'a', 'b')
      sys.mountSync(a, b, null, sys.MS_BIND)
      assert.equal(await isMountPoint(b), true)
      const file = join(directory(), 'file')
      fs.writeFileSync(file, '')
      sys.mountSync('/dev/null', file, null, sys.MS_BIND)
      assert.equal(await isMountPoint(file), true)
    })
    it('follows a link at the end, unless it shall not', async () => {
      const { a } = directories(directory(), 'a')
      const link = join(directory(), 'link')
      fs.symlinkSync('a', link)
      sys.mountSync('t', a, 'tmpfs')
      assert.equal(await isMountPoint(link), true)
      assert.equal(await isMountPoint(link, { nofollow: true }), false)
      assert.equal(await isMountPoint(a, { nofollow: true }), true)
    })
    it('takes options that are some only', async () => {
      for (const wrong of [5, 'x', null, { nofollow: 1 }, { nofollow: 'yes' }]) {
        const options = wrong as never
        const refused = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
        await assert.rejects(isMountPoint('/proc', options), refused)
        assert.throws(() => isMountPointSync('/proc', options), refused)
        await assert.rejects(findMount('/proc', options), refused)
        await assert.rejects(mountIdOf('/proc', options), refused)
      }
    })
    it('says the same by the ways of older kernels', async () => {
      const { a, b } = directories(directory(), 'a', 'b')
      const before = openDescriptors()
      sys.mountSync('t', a, 'tmpfs')
      sys.mountSync(a, b, null, sys.MS_BIND)
      fs.symlinkSync('a', join(directory(), 'link'))
      fs.mkdirSync(join(a, 'sub'))
      assert.equal(await crossesMount(a), true)
      assert.equal(await crossesMount(join(a, 'sub')), false)
      assert.equal(await crossesMount('/'), true)
      const native = binding()
      const saysNothing = { isMountRoot: () => Promise.resolve(2), isMountRootSync: () => 2 }
      const ways = [
        { ...native, ...saysNothing },
        { ...native, ...saysNothing, openat2: () => Promise.resolve(-38) },
      ]
      try {
        for (const way of ways) {
          setBinding(way)
          assert.equal(await isMountPoint(a), true)
          assert.equal(await isMountPoint(`${a}/`), true)
          assert.equal(await isMountPoint(b), true)
          assert.equal(await isMountPoint(join(a, 'sub')), false)
          assert.equal(await isMountPoint(join(a, 'sub', '..')), true)
          assert.equal(await isMountPoint(join(directory(), 'link')), true)
          assert.equal(await isMountPoint(join(directory(), 'link'), { nofollow: true }), false)
          assert.equal(await isMountPoint('/'), true)
          assert.throws(() => isMountPointSync(a), { code: 'ENOSYS', syscall: 'statx', path: a })
        }
      } finally {
        setBinding(undefined)
      }
      assert.deepEqual(openDescriptors(), before)
    })
  })

  it('knows a mount that has lost its own root by the table, and no other', async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    sys.mountSync('t', a, 'tmpfs')
    fs.symlinkSync('a', join(directory(), 'way'))
    // As a union answers whose branches were deleted.
    setBinding({ ...binding(), isMountRoot: () => Promise.resolve(-116) })
    try {
      assert.equal(await isMountPoint(a), true)
      assert.equal(await isMountPoint(join(directory(), 'way/../a')), true)
      await assert.rejects(isMountPoint(b), { code: 'ESTALE', syscall: 'statx' })
    } finally {
      setBinding(undefined)
    }
  })

  describe('the mount of a path', () => {
    it('is found for any path on it, also one with a mount on top', async () => {
      const { a } = directories(directory(), 'a')
      sys.mountSync('lower', a, 'tmpfs')
      fs.mkdirSync(join(a, 'deep/er'), { recursive: true })
      assert.equal((await findMount(join(a, 'deep/er')))?.source, 'lower')
      sys.mountSync('upper', a, 'tmpfs')
      assert.equal((await findMount(a))?.source, 'upper')
      assert.equal((await findMount(a))?.id, await mountIdOf(a))
      assert.equal(sys.mountinfoSync().byMountPoint(a)?.source, 'upper')
      sys.umount2Sync(a)
      assert.equal((await findMount(a))?.source, 'lower')
    })
    it('is found on kernels that tell no id', async () => {
      const { a } = directories(directory(), 'a', 'ab')
      sys.mountSync('t', a, 'tmpfs')
      const native = binding()
      const oldStatx = async (...args: Parameters<typeof native.statx>): Promise<BigInt64Array | number> => {
        const answer = await native.statx(...args)
        if (typeof answer !== 'number') answer[0] = 0n
        return answer
      }
      try {
        setBinding({ ...native, statx: oldStatx })
        assert.equal((await findMount(a))?.source, 't')
        assert.equal((await findMount(join(directory(), 'ab')))?.source, 'graphdriver-test')
        await assert.rejects(mountIdOf(a), { code: 'ENOSYS' })
        await assert.rejects(uniqueMountIdOf(a), { code: 'ENOSYS' })
      } finally {
        setBinding(undefined)
      }
    })
    it('has an id that is never used again', async function () {
      const { a } = directories(directory(), 'a')
      const outer = await uniqueMountIdOf(a).catch(() => skip(this, 'needs Linux 6.8'))
      sys.mountSync('t', a, 'tmpfs')
      const first = await uniqueMountIdOf(a)
      sys.umount2Sync(a)
      sys.mountSync('t', a, 'tmpfs')
      assert.equal(new Set([outer, first, await uniqueMountIdOf(a)]).size, 3)
    })
  })

  describe('list', () => {
    it('takes whole names for a prefix', async () => {
      const { a, ab } = directories(directory(), 'a', 'ab')
      sys.mountSync('t', a, 'tmpfs')
      sys.mountSync('t', ab, 'tmpfs')
      directories(a, 'sub')
      sys.mountSync('t', join(a, 'sub'), 'tmpfs')
      const points = (await list({ prefix: a })).map((entry) => entry.mountPoint)
      assert.deepEqual(points, [a, join(a, 'sub')])
      assert.equal((await list()).length, sys.mountinfoSync().length)
    })
  })

  describe('mountinfo', () => {
    it('says what findmnt(8) says', function () {
      const { a } = directories(directory(), 'a', 'b c', 'd\\e')
      sys.mountSync('a source', a, 'tmpfs', sys.MS_NOSUID, 'size=1m')
      sys.mountSync(a, join(directory(), 'b c'), null, sys.MS_BIND)
      sys.mountSync(null, join(directory(), 'b c'), null, sys.MS_SHARED)
      sys.mountSync('x#y', join(directory(), 'd\\e'), 'tmpfs', sys.MS_RDONLY)
      const columns = 'TARGET,SOURCE,FSTYPE,VFS-OPTIONS,FS-OPTIONS,PROPAGATION,ID,PARENT'
      const done = spawnSync('findmnt', ['--kernel', '--json', '--list', '--nofsroot', '-o', columns], {
        encoding: 'utf8',
      })
      if (done.error || done.status !== 0) skip(this, 'findmnt(8) of util-linux is missing, or knows no JSON')
      const { filesystems } = JSON.parse(done.stdout) as { filesystems: Findmnt[] }
      const theirs = filesystems.map((mount) => [
        mount.id,
        mount.parent,
        mount.target,
        mount.source,
        mount.fstype,
        mount['vfs-options'],
        mount['fs-options'],
        mount.propagation.split(',')[0],
      ])
      const ours = Array.from(sys.mountinfoSync(), (entry) => [
        entry.id,
        entry.parent,
        entry.mountPoint,
        entry.source,
        entry.type,
        entry.options,
        sys.unescapeBytes(entry.superOptions),
        entry.propagation.shared === undefined ? 'private' : 'shared',
      ])
      const byId = (one: unknown[], other: unknown[]): number => Number(one[0]) - Number(other[0])
      assert.deepEqual(ours.sort(byId), theirs.sort(byId))
    })
    it('finds its rows in a table of hundreds', () => {
      const names = Array.from({ length: 300 }, (_, index) => `mount ${index}`)
      directories(directory(), ...names)
      for (const name of names) sys.mountSync(name, join(directory(), name), 'tmpfs')
      const table = sys.mountinfoSync()
      for (const name of names) assert.equal(table.byMountPoint(join(directory(), name))?.source, name)
      assert.equal(new Set(Array.from(table, (entry) => entry.id)).size, table.length)
    })
    it('shows an empty source, and a root that is gone', () => {
      const { a, b, source } = directories(directory(), 'a', 'b', 'source')
      const fd = sys.newMountSync({ type: 'tmpfs', settings: [{ key: 'source', value: '' }] })
      sys.moveMountSync(fd, '', sys.AT_FDCWD, a, sys.MOVE_MOUNT_F_EMPTY_PATH)
      sys.closeSync(fd)
      sys.mountSync(source, b, null, sys.MS_BIND)
      fs.rmdirSync(source)
      const table = sys.mountinfoSync()
      assert.equal(table.byMountPoint(a)?.source, '')
      assert.equal(table.byMountPoint(a)?.type, 'tmpfs')
      assert.equal(table.byMountPoint(b)?.root, '/source//deleted')
    })
  })
})
