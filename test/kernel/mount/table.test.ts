import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'

import { isMountPoint, joinLowerdirs, mountMany, MountTable, unmountMany } from 'graphdriver/mount'
import * as sys from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import { itUnless } from '../../skip.ts'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'

/** Does this kernel tell all but the options by statmount(2)? */
const told = typeof binding().listMountsSync(0) !== 'number'

describeMounts('the mount table', (directory) => {
  /** Mounts of many kinds, with names that need escapes. */
  function mountAll(): void {
    const strange = 'a b\tc\nd\\e#f'
    const { a, l, m, u, w, o } = directories(directory(), 'a', 'l', 'm', 'u', 'w', 'o')
    sys.mountSync('so urce\\', a, 'tmpfs', sys.MS_NOSUID | sys.MS_NODEV | sys.MS_NOATIME, 'size=1m')
    fs.mkdirSync(join(a, strange))
    sys.mountSync(join(a, strange), join(a, strange), null, sys.MS_BIND)
    const data = `lowerdir=${joinLowerdirs([l, m])},upperdir=${u},workdir=${w}`
    sys.mountSync('union', o, 'overlay', sys.MS_NOEXEC | sys.MS_STRICTATIME, data)
    sys.mountSync(null, a, null, sys.MS_SHARED)
    sys.mountSync(a, l, null, sys.MS_BIND | sys.MS_REC)
    sys.mountSync(null, l, null, sys.MS_SLAVE | sys.MS_REC)
    sys.mountSync(null, o, null, sys.MS_UNBINDABLE)
    sys.mountSync(Buffer.from('\xff', 'latin1'), m, 'tmpfs', sys.MS_RDONLY | sys.MS_NODIRATIME)
  }

  // Before, there is nothing to compare; then the next case says what is thrown.
  const untold = told ? undefined : 'needs Linux 6.13'
  itUnless(untold, 'is the same by statmount(2), but for the options of the filesystems', async () => {
    mountAll()
    const whole = sys.mountinfoSync().toJSON()
    const without = whole.map((record) => ({ ...record, superOptions: '' }))
    assert.deepEqual(sys.listMountsSync().toJSON(), without)
    assert.deepEqual((await sys.listMounts()).toJSON(), without)
    assert.ok(without.some(({ mountPoint }) => mountPoint.endsWith('a b\tc\nd\\e#f')))
  })

  it('is refused where the kernel does not tell', () => {
    setBinding({ ...binding(), listMountsSync: () => -38 })
    try {
      assert.throws(() => sys.listMountsSync(), { code: 'ENOSYS', syscall: 'listmount' })
    } finally {
      setBinding(undefined)
    }
  })

  for (const superOptions of [true, false]) {
    it(`is read again when it changed, and only then (superOptions: ${superOptions})`, async () => {
      const before = openDescriptors()
      const { a } = directories(directory(), 'a')
      const table = new MountTable({ superOptions })
      const first = await table.read()
      assert.equal(await table.read(), first)
      sys.mountSync('t', a, 'tmpfs')
      const second = await table.read()
      assert.notEqual(second, first)
      assert.equal(second.byMountPoint(a)?.source, 't')
      // Where the kernel does not tell, the file is read, with all that is in it.
      assert.equal(second.byMountPoint(a)?.superOptions !== '', superOptions || !told)
      sys.mountSync(null, a, null, sys.MS_REMOUNT | sys.MS_BIND | sys.MS_RDONLY)
      assert.match((await table.read()).byMountPoint(a)?.options ?? '', /^ro/)
      sys.umount2Sync(a)
      assert.equal((await table.read()).byMountPoint(a), undefined)
      const last = await table.read()
      assert.equal(await table.read(), last)
      table.close()
      table.close()
      await assert.rejects(table.read(), { code: 'EBADF' })
      assert.deepEqual(openDescriptors(), before)
    })
  }

  it('never keeps what a slower, older reading found', async () => {
    const { a } = directories(directory(), 'a')
    using table = new MountTable()
    const native = binding()
    let release = (): void => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    const slow: typeof native.mountinfo = async (path) => {
      const answer = await native.mountinfo(path)
      await held
      return answer
    }
    setBinding({ ...native, mountinfo: slow })
    const older = table.read()
    setBinding(undefined)
    await new Promise((resolve) => setTimeout(resolve, 50))
    sys.mountSync('t', a, 'tmpfs')
    const newer = await table.read()
    release()
    assert.equal((await older).byMountPoint(a), undefined)
    assert.equal(await table.read(), newer)
    assert.equal(newer.byMountPoint(a)?.source, 't')
  })

  it('falls back where the kernel does not tell', async () => {
    setBinding({ ...binding(), listMounts: () => Promise.resolve(-38) })
    try {
      using table = new MountTable({ superOptions: false })
      assert.equal((await table.read()).length, sys.mountinfoSync().length)
    } finally {
      setBinding(undefined)
    }
  })
})

describeMounts('many at once', (directory) => {
  it('unmounts what lies on another before that, whatever the order', async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    const inner = join(a, 'inner')
    await mountMany([{ type: 'tmpfs', target: a }])
    fs.mkdirSync(inner)
    await mountMany([
      { type: 'tmpfs', target: inner },
      { type: 'tmpfs', target: b },
      { type: 'tmpfs', target: b },
    ])
    await unmountMany([a, `${b}/`, b, Buffer.from(inner)])
    assert.deepEqual([await isMountPoint(a), await isMountPoint(b)], [false, false])
  })
  it('tells the first failure in order, and takes down the others', async () => {
    const names = Array.from({ length: 20 }, (_, at) => `t${at}`)
    const targets = Object.values(directories(directory(), ...names))
    await mountMany(targets.map((target) => ({ type: 'tmpfs', target })))
    const none = join(directory(), 'none')
    const failing = unmountMany([...targets.slice(0, 10), none, ...targets.slice(10)])
    await assert.rejects(failing, { code: 'ENOENT', path: none })
    for (const target of targets) assert.equal(await isMountPoint(target), false)
  })
  it('leaves a mount on which another one stays', async () => {
    const { a } = directories(directory(), 'a')
    sys.mountSync('t', a, 'tmpfs')
    const inner = join(a, 'inner')
    fs.mkdirSync(inner)
    sys.mountSync('t', inner, 'tmpfs')
    const fd = fs.openSync(inner, 'r')
    try {
      await assert.rejects(unmountMany([a, inner], { patience: { tries: 1, delayMs: 0 } }), { code: 'EBUSY' })
      assert.deepEqual([await isMountPoint(a), await isMountPoint(inner)], [true, true])
    } finally {
      fs.closeSync(fd)
    }
  })
})
