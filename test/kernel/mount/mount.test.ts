import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'

import { isMountPoint, mount, mountMany, perform, withMount } from 'graphdriver/mount'
import type { MountPlan, MountStep } from 'graphdriver/mount'
import * as sys from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import { describeMounts, directories, openDescriptors } from '../namespace.ts'
import { itSince, LOWERDIR_PLUS } from '../since.ts'

function optionsAt(path: string): string[] {
  return sys.mountinfoSync().byMountPoint(path)?.options.split(',') ?? []
}

function readOnlyFails(path: string): void {
  assert.throws(
    () => {
      fs.writeFileSync(join(path, 'probe'), '')
    },
    { code: 'EROFS' },
  )
}

describeMounts('mounting by words', (directory) => {
  it('mounts, remounts and changes propagation', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', source: 's', target: a, options: ['size=1m', 'nodev', 'noatime', 'shared'] })
    const entry = sys.mountinfoSync().byMountPoint(a)
    assert.equal(entry?.options, 'rw,nodev,noatime')
    assert.equal(typeof entry.propagation.shared, 'number')
    await mount({ target: a, options: ['remount', 'size=2m', 'ro', 'private'] })
    assert.match(sys.mountinfoSync().byMountPoint(a)?.superOptions ?? '', /^ro,(seclabel,)?size=2048k/)
    assert.equal(sys.mountinfoSync().byMountPoint(a)?.propagation.shared, undefined)
    readOnlyFails(a)
  })
  it('remounts without taking away what no word is about', async () => {
    const { a } = directories(directory(), 'a')
    const options = ['size=1m', 'nosuid', 'nodev', 'noexec', 'nosymfollow', 'nodiratime', 'noatime']
    await mount({ type: 'tmpfs', source: 's', target: a, options })
    const all = 'nosuid,nodev,noexec,noatime,nodiratime,nosymfollow'
    for (const [words, seen] of [
      [['remount', 'size=2m'], `rw,${all}`],
      [['remount', 'bind', 'ro'], `ro,${all}`],
      [['remount', 'bind', 'relatime'], `ro,${all.replace('noatime', 'relatime')}`],
      [['remount', 'rw', 'suid'], `rw,${all.replace('noatime', 'relatime').replace('nosuid,', '')}`],
      [['remount', 'ro'], `ro,${all.replace('noatime', 'relatime').replace('nosuid,', '')}`],
    ] as const) {
      await mount({ target: a, options: words })
      assert.deepEqual(optionsAt(a).sort(), seen.split(',').sort(), words.join())
    }
    await mount({ target: a, options: ['remount', 'defaults'] })
    assert.equal(optionsAt(a).includes('nodev'), false)
    await assert.rejects(mount({ target: join(a, 'none'), options: ['remount', 'ro'] }), {
      code: 'ENOENT',
      syscall: 'mount',
    })
  })
  it('binds read-only and more, one mount or the whole tree', async () => {
    const { source, flat, tree, plain } = directories(
      directory(),
      'source/sub',
      'source',
      'flat',
      'tree',
      'plain',
    )
    await mount({ type: 'tmpfs', target: join(source, 'sub') })
    await mount({ source, target: flat, options: ['rbind', 'ro', 'nosuid', 'nodev'] })
    readOnlyFails(flat)
    assert.deepEqual(optionsAt(flat), ['ro', 'nosuid', 'nodev', 'relatime'])
    fs.writeFileSync(join(flat, 'sub/file'), '')
    await mount({ source, target: tree, options: ['rbind', 'rro', 'rnoexec'] })
    readOnlyFails(tree)
    readOnlyFails(join(tree, 'sub'))
    assert.deepEqual(optionsAt(join(tree, 'sub')), ['ro', 'noexec', 'relatime'])
    await mount({ source, target: plain, options: ['bind'] })
    assert.deepEqual(fs.readdirSync(join(plain, 'sub')), [])
    fs.writeFileSync(join(source, 'fine'), '')
    await mount({ source: flat, target: plain, options: ['bind', 'rw', 'suid'] })
    assert.deepEqual(optionsAt(plain).slice(0, 3), ['rw', 'nodev', 'relatime'])
  })
  it('changes a whole tree in its place', async () => {
    const { a } = directories(directory(), 'a')
    await mount({ type: 'tmpfs', target: a })
    directories(a, 'sub')
    await mount({ type: 'tmpfs', target: join(a, 'sub') })
    await mount({ target: a, options: ['rro', 'rnodev', 'rshared'] })
    for (const path of [a, join(a, 'sub')]) {
      assert.deepEqual(optionsAt(path), ['ro', 'nodev', 'relatime'])
      assert.equal(typeof sys.mountinfoSync().byMountPoint(path)?.propagation.shared, 'number')
    }
  })
  it("binds onto a link's target, and a file onto a file", async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    fs.symlinkSync('b', join(directory(), 'link'))
    await mount({ source: a, target: join(directory(), 'link'), options: ['bind', 'ro'] })
    assert(await isMountPoint(b))
    fs.writeFileSync(join(directory(), 'f'), '')
    await mount({ source: '/dev/null', target: join(directory(), 'f'), options: ['bind', 'nosuid'] })
    assert(await isMountPoint(join(directory(), 'f')))
    await assert.rejects(mount({ source: a, target: join(directory(), 'f'), options: ['bind', 'ro'] }), {
      // move_mount(2) has no errno of its own for it.
      code: 'EINVAL',
      path: a,
      dest: join(directory(), 'f'),
    })
  })
  it('moves', async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    await mount({ type: 'tmpfs', source: 's', target: a })
    await mount({ source: a, target: b, options: ['move'] })
    assert.deepEqual([await isMountPoint(a), await isMountPoint(b)], [false, true])
  })
  it('leaves nothing where a later step fails', async () => {
    const { a, b } = directories(directory(), 'a', 'b')
    const failing = { type: 'tmpfs', source: 's', target: a, options: ['unbindable'] }
    await mount(failing)
    const before = openDescriptors()
    await assert.rejects(mount({ source: a, target: b, options: ['bind', 'ro'] }), { code: 'EINVAL' })
    assert.equal(await isMountPoint(b), false)
    assert.deepEqual(openDescriptors(), before)
  })
  itSince('6.5', "has the kernel's words though mount(2) has none", async () => {
    const { a, lower } = directories(directory(), 'a', 'lower')
    const overlay = { type: 'overlay', source: 'o', target: a }
    const lowerdir = `lowerdir=${lower}`
    const cases: Array<[string[], string, string | undefined]> = [
      [[lowerdir, 'bogus=1'], 'EINVAL', "overlay: Unknown parameter 'bogus'"],
      [[lowerdir, 'index=perhaps'], 'EINVAL', "overlay: Bad value for 'index'"],
      [[`lowerdir=${join(directory(), 'none')}`], 'ENOENT', undefined],
    ]
    for (const [options, code, detail] of cases) {
      await assert.rejects(mount({ ...overlay, options }), (error: sys.SyscallError) => {
        assert.deepEqual([error.code, error.syscall, error.dest], [code, 'mount', a])
        if (detail !== undefined) assert.equal(error.detail, detail)
        return true
      })
    }
    assert.equal(await isMountPoint(a), false)
  })
  it('mounts an overlay of layers with every character that is special', async () => {
    const { escapeLowerdir, escapeUpperdir } = await import('graphdriver/mount')
    const strange = ['a:b', 'c,d', 'e\\f', 'g h', 'i"j', 'k=l', 'm\nn', 'ö']
    const layers = strange.map((name) => join(directory(), 'layers', name))
    for (const [index, layer] of layers.entries()) {
      fs.mkdirSync(layer, { recursive: true })
      fs.writeFileSync(join(layer, `from-${index}`), '')
    }
    const merged = directories(directory(), 'merged').merged
    const [upper, work] = [join(directory(), 'up:,\\per'), join(directory(), 'wo:,\\rk')]
    fs.mkdirSync(upper)
    fs.mkdirSync(work)
    await mount({
      type: 'overlay',
      source: 'o',
      target: merged,
      options: [
        // A quotation mark has no meaning for overlay, but would hide commas from other readers of the words.
        `lowerdir=${layers
          .filter((layer) => !layer.includes('"'))
          .map(escapeLowerdir)
          .join(':')}`,
        `upperdir=${escapeUpperdir(upper)}`,
        `workdir=${escapeUpperdir(work)}`,
      ],
    })
    const wanted = strange.flatMap((name, index) => (name.includes('"') ? [] : [`from-${index}`]))
    assert.deepEqual(fs.readdirSync(merged).sort(), wanted)
    fs.writeFileSync(join(merged, 'new'), '')
    assert.deepEqual(fs.readdirSync(upper), ['new'])
  })
  it('undoes a mount that was aborted while it was made', async () => {
    const { a } = directories(directory(), 'a')
    const native = binding()
    let made: Promise<number> | undefined
    setBinding({ ...native, mount: (...args) => (made = native.mount(...args)) })
    try {
      const controller = new AbortController()
      const mounting = mount({ type: 'tmpfs', target: a }, { signal: controller.signal })
      controller.abort('enough')
      await assert.rejects(mounting, (reason) => reason === 'enough')
      assert.equal(await made, 0)
      for (let left = 1000; left > 0 && (await isMountPoint(a)); left--) await new Promise(setImmediate)
      assert.equal(await isMountPoint(a), false)
    } finally {
      setBinding(undefined)
    }
  })

  describe('many at a time', () => {
    it('are all there, or none', async () => {
      const { a, b } = directories(directory(), 'a', 'b')
      const lower = { type: 'tmpfs', source: 'one', target: a }
      await mountMany([lower, { source: a, target: b, options: ['bind', 'ro'] }])
      assert.equal(sys.mountinfoSync().byMountPoint(b)?.source, 'one')
      readOnlyFails(b)
      const { c, d } = directories(directory(), 'c', 'd')
      const specs = [c, d, join(directory(), 'none')].map((target) => ({ type: 'tmpfs', target }))
      await assert.rejects(mountMany(specs), { code: 'ENOENT' })
      assert.deepEqual([await isMountPoint(c), await isMountPoint(d)], [false, false])
    })
  })

  describe('withMount', () => {
    it('mounts on a directory of its own, and leaves nothing', async () => {
      let path = ''
      const answer = await withMount({ type: 'tmpfs' }, async (at) => {
        path = at
        assert(await isMountPoint(at))
        fs.writeFileSync(join(at, 'file'), '')
        return 7
      })
      assert.equal(answer, 7)
      assert(!fs.existsSync(path))
    })
    it('mounts on a given directory, and leaves that', async () => {
      const { a } = directories(directory(), 'a')
      await withMount({ type: 'tmpfs', target: a }, (at) => {
        assert.equal(at, a)
      })
      assert(fs.existsSync(a))
      assert.equal(await isMountPoint(a), false)
    })
    it('unmounts when the function throws, and when nothing can be mounted', async () => {
      let path = ''
      const error = new Error('own')
      const failing = withMount({ type: 'tmpfs' }, (at) => {
        path = at
        throw error
      })
      await assert.rejects(failing, error)
      assert(!fs.existsSync(path))
      const before = fs.readdirSync(process.env['TMPDIR'] ?? '/tmp')
      await assert.rejects(
        withMount({ type: 'nosuchfs' }, () => assert.fail('must not be called')),
        { code: 'ENODEV' },
      )
      assert.deepEqual(fs.readdirSync(process.env['TMPDIR'] ?? '/tmp'), before)
    })
    it('never deletes what is in the directory', async () => {
      const { source } = directories(directory(), 'source')
      fs.writeFileSync(join(source, 'precious'), '')
      await withMount({ source, options: ['bind'] }, () => undefined)
      assert.deepEqual(fs.readdirSync(source), ['precious'])
    })
    it('follows a link at the target, also for its words', async () => {
      const { a } = directories(directory(), 'a')
      const link = join(directory(), 'link')
      fs.symlinkSync('a', link)
      let fd = -1
      const busy = withMount({ type: 'tmpfs', target: link }, () => {
        fd = fs.openSync(a, 'r')
      })
      await assert.rejects(busy, { code: 'EBUSY', path: link, detail: new RegExp(`: fd ${a}$`) })
      assert.equal(await isMountPoint(a), false)
      fs.closeSync(fd)
    })
    it('detaches a mount that is busy, and says who holds it', async () => {
      let fd = -1
      let path = ''
      const busy = withMount({ type: 'tmpfs' }, (at) => {
        path = at
        fd = fs.openSync(at, 'r')
      })
      await assert.rejects(busy, (error: sys.SyscallError) => {
        assert.equal(error.code, 'EBUSY')
        assert.match(error.detail ?? '', new RegExp(`^held by ${process.pid} \\(.*\\): fd /`))
        return true
      })
      assert(!fs.existsSync(path))
      fs.closeSync(fd)
    })
  })

  describe('a plan', () => {
    const plan = (...steps: MountStep[]): MountPlan => ({
      form: 'x',
      type: 'overlay',
      readOnly: true,
      steps,
      mounts: [],
    })
    const settings = (...paths: string[]): Array<{ key: string; open: string }> =>
      paths.map((open) => ({ key: 'lowerdir+', open }))

    itSince(LOWERDIR_PLUS, 'mounts by each of the three ways', async () => {
      const { one, two, merged } = directories(directory(), 'one', 'two', 'merged')
      fs.writeFileSync(join(one, 'one'), '')
      fs.writeFileSync(join(two, 'two'), '')
      const before = openDescriptors()
      const common = { call: 'mount', type: 'overlay', source: 'o', flags: sys.MS_RDONLY } as const
      const steps: MountStep[] = [
        { ...common, data: [`lowerdir=${one}:${two}`] },
        { ...common, data: ['lowerdir=one:two'], directory: directory() },
        { ...common, data: ['lowerdir=', { open: one }, ':', { open: two }], directory: '/proc/self/fd' },
        {
          call: 'newMount',
          type: 'overlay',
          settings: settings(one, two),
          attributes: sys.MOUNT_ATTR_RDONLY,
        },
      ]
      for (const step of steps) {
        await perform(plan(step), merged)
        assert.deepEqual(fs.readdirSync(merged).sort(), ['one', 'two'])
        assert(optionsAt(merged).includes('ro'))
        sys.umount2Sync(merged)
        assert.deepEqual(openDescriptors(), before)
      }
    })
    it('reconfigures before anybody sees it', async () => {
      const { a } = directories(directory(), 'a')
      const make = {
        call: 'newMount',
        type: 'tmpfs',
        settings: [{ key: 'size', value: '1m' }],
        attributes: 0,
      } as const
      await perform(plan(make, { call: 'reconfigure', settings: [{ key: 'size', value: '2m' }] }), a)
      assert.match(sys.mountinfoSync().byMountPoint(a)?.superOptions ?? '', /size=2048k/)
    })
    it('remounts what it mounted, and takes it down when that fails', async () => {
      const { a } = directories(directory(), 'a')
      const make = { call: 'mount', type: 'tmpfs', source: 's', flags: 0, data: ['size=1m'] } as const
      await perform(plan(make, { ...make, flags: sys.MS_REMOUNT, data: ['size=2m'] }), a)
      assert.match(sys.mountinfoSync().byMountPoint(a)?.superOptions ?? '', /size=2048k/)
      sys.umount2Sync(a)
      await assert.rejects(perform(plan(make, { ...make, flags: sys.MS_REMOUNT, data: ['nonsense'] }), a), {
        code: 'EINVAL',
        syscall: 'mount',
        path: a,
      })
      assert.equal(await isMountPoint(a), false)
    })
    itSince('6.5', 'leaves nothing mounted and nothing open when a step fails', async () => {
      const { one, merged } = directories(directory(), 'one', 'merged')
      const before = openDescriptors()
      const none = join(directory(), 'none')
      const make = { call: 'newMount', type: 'overlay', attributes: 0 } as const
      await assert.rejects(perform(plan({ ...make, settings: settings(one, none) }), merged), {
        code: 'ENOENT',
        syscall: 'open',
        path: none,
      })
      await assert.rejects(perform(plan({ ...make, settings: [{ key: 'bogus', value: 'x' }] }), merged), {
        code: 'EINVAL',
        syscall: 'fsconfig',
        path: merged,
        detail: "overlay: Unknown parameter 'bogus'",
      })
      await assert.rejects(perform(plan({ ...make, settings: settings(one, one) }), merged), {
        code: 'ELOOP',
        path: merged,
      })
      const tmpfs = { ...make, type: 'tmpfs', settings: [] }
      await assert.rejects(perform(plan(tmpfs, { call: 'reconfigure', settings: [{ key: 'x' }] }), merged), {
        detail: "tmpfs: Unknown parameter 'x'",
      })
      await assert.rejects(perform(plan(tmpfs), none), { code: 'ENOENT', syscall: 'move_mount', path: none })
      assert.equal(await isMountPoint(merged), false)
      assert.deepEqual(openDescriptors(), before)
    })
    it('refuses data of a page', async () => {
      const { merged } = directories(directory(), 'merged')
      const data = `lowerdir=${'x'.repeat(sys.pageSize())}`
      const step = { call: 'mount', type: 'overlay', source: 'o', flags: 0, data: [data] } as const
      await assert.rejects(perform(plan(step), merged), { code: 'E2BIG', path: merged })
    })
  })
})
