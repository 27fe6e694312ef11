import assert from 'node:assert/strict'

import { DetachedMount, list, mount, mountMany, unmount, withMount } from 'graphdriver/mount'
import type { MountSpec } from 'graphdriver/mount'
import type { SyscallError } from 'graphdriver/sys'
import { setBinding } from '#lib/sys/binding.js'
import { fakeKernel } from './fake-kernel.ts'

const ENOSYS = -38
const EPERM = -1
const EINVAL = -22
const EBUSY = -16
const MS_BIND = 0x1000
const MS_REMOUNT = 0x20

describe('a mount by words', () => {
  afterEach(() => {
    setBinding(undefined)
  })

  it('is one call where one does', async () => {
    const asked = fakeKernel()
    await mount({ type: 'tmpfs', source: 's', target: '/t', options: ['size=1m', 'nosuid', 'mode=0700'] })
    await mount({ source: '/a', target: '/b', options: ['rbind'] })
    await mount({ source: '/a', target: '/b', options: ['move'] })
    await mount({ target: '/b', options: ['rprivate'] })
    assert.deepEqual(asked, [
      ['mount', 's', '/t', 'tmpfs', 2, 'size=1m,mode=0700'],
      ['mount', '/a', '/b', null, 0x5000, null],
      ['mount', '/a', '/b', null, 0x2000, null],
      ['mount', null, '/b', null, 0x44000, null],
    ])
  })
  it('refuses what is no spec, no function and no signal before it asks the kernel anything', async () => {
    const asked = fakeKernel()
    const spec = { type: 'tmpfs', target: '/t' }
    const wrong = { code: 'ERR_INVALID_ARG_TYPE' }
    for (const none of [undefined, null, 5] as never[]) {
      await assert.rejects(mount(none), wrong)
      await assert.rejects(mountMany(none), wrong)
      await assert.rejects(mountMany([spec, none]), wrong)
      await assert.rejects(
        withMount(none, () => 1),
        wrong,
      )
      await assert.rejects(withMount(spec, none), wrong)
      await assert.rejects(DetachedMount.create(none), wrong)
    }
    for (const signal of [5, {}, null] as never[]) {
      await assert.rejects(mount(spec, { signal }), wrong)
      await assert.rejects(mountMany([spec], { signal }), wrong)
      await assert.rejects(
        withMount(spec, () => 1, { signal }),
        wrong,
      )
      await assert.rejects(unmount('/t', { signal }), wrong)
    }
    await assert.rejects(list({ prefix: 5 as never }), wrong)
    assert.deepEqual(asked, [])
  })
  it('refuses attributes that are none', async () => {
    const asked = fakeKernel({ newMount: () => 9 })
    const detached = await DetachedMount.create({ type: 'tmpfs' })
    asked.length = 0
    for (const wrong of [
      { atime: 'banana' },
      { propagation: 'banana' },
      { propagation: 'toString' },
    ] as object[]) {
      await assert.rejects(detached.setAttributes(wrong), { code: 'ERR_INVALID_ARG_VALUE' })
    }
    await assert.rejects(detached.setAttributes(null as never), { code: 'ERR_INVALID_ARG_TYPE' })
    assert.deepEqual(asked, [])
  })
  it('remounts with the flags that were there', async () => {
    const flags = BigInt64Array.from({ length: 11 }, (_, index) => (index === 10 ? 0x2n | 0x8n : 0n))
    const asked = fakeKernel({ statfs: () => flags })
    await mount({ target: '/b', options: ['remount', 'bind', 'ro', 'exec'] })
    assert.deepEqual(asked.at(-1), ['mount', 'none', '/b', null, MS_REMOUNT | MS_BIND | 0x1 | 0x2, ''])
  })
  it('binds by a copy that is read-only before it is attached', async () => {
    const asked = fakeKernel()
    await mount({ type: 'bind', source: '/a', target: '/b', options: ['rbind', 'ro', 'rnosuid', 'rslave'] })
    assert.deepEqual(asked, [
      ['bindCopy', '/a', '/b', true, 1n, 0n, 2n, 0n],
      ['mount', null, '/b', null, 0x84000, null],
    ])
  })
  it('says which call of a bind failed', async () => {
    for (const [step, syscall] of ['open_tree', 'mount_setattr', 'move_mount'].entries()) {
      fakeKernel({ bindCopy: () => ({ errno: EINVAL, step, log: '' }) })
      const failed = { code: 'EINVAL', syscall, path: '/a', dest: '/b' }
      await assert.rejects(mount({ source: '/a', target: '/b', options: ['bind', 'ro'] }), failed)
    }
  })
  it('binds by two calls where the kernel is older, and keeps the flags that were there', async () => {
    for (const missing of [0, 1].map((step) => ({ errno: step === 0 ? EPERM : ENOSYS, step, log: '' }))) {
      const flags = BigInt64Array.from({ length: 11 }, (_, index) => (index === 10 ? 0x2n | 0x400n : 0n))
      const asked = fakeKernel({ bindCopy: () => missing, statfs: () => flags })
      await mount({ source: '/a', target: '/b', options: ['bind', 'ro', 'relatime'] })
      assert.deepEqual(
        asked.filter(([name]) => name === 'mount'),
        [
          ['mount', '/a', '/b', null, MS_BIND, null],
          ['mount', null, '/b', null, MS_BIND | MS_REMOUNT | 0x1 | 0x2 | 0x200000, null],
        ],
      )
    }
  })
  it('does not pretend that a whole tree is read-only where the kernel is older', async () => {
    const asked = fakeKernel({ bindCopy: () => ({ errno: ENOSYS, step: 0, log: '' }) })
    await assert.rejects(mount({ source: '/a', target: '/b', options: ['rbind', 'rro'] }), {
      code: 'ENOSYS',
      syscall: 'mount_setattr',
    })
    assert.deepEqual(asked.at(-1), ['umount2', '/b', 0])
  })
  it('takes down what it mounted when a later call fails', async () => {
    const fails = (args: unknown[]): number => (args[0] === null ? EPERM : 0)
    let asked = fakeKernel({ mount: fails })
    await assert.rejects(mount({ type: 'tmpfs', target: '/t', options: ['shared'] }), { code: 'EPERM' })
    assert.deepEqual(asked.at(-1), ['umount2', '/t', 0])
    asked = fakeKernel({ mount: fails })
    await assert.rejects(mount({ source: '/a', target: '/t', options: ['move', 'shared'] }), {
      code: 'EPERM',
    })
    assert.deepEqual(asked.at(-1), ['mount', '/t', '/a', null, 0x2000, null])
    asked = fakeKernel({ mount: fails })
    await assert.rejects(mount({ target: '/t', options: ['remount', 'ro', 'shared'] }), { code: 'EPERM' })
    assert.equal(asked.filter(([name]) => name !== 'statfs').length, 2)
  })
  it('has words of the newer interface only where that fails alike', async () => {
    const failing = { mount: () => -22, newMount: (): unknown => ({ errno: -22, step: 1, log: 'e words' }) }
    const asked = fakeKernel(failing)
    const spec = { type: 'tmpfs', source: 's', target: '/t', options: ['ro', 'a=b', 'c'] }
    await assert.rejects(mount(spec), { code: 'EINVAL', syscall: 'mount', detail: 'words' })
    assert.deepEqual(asked[1]?.slice(0, 4), [
      'newMount',
      'tmpfs',
      Int32Array.of(1, 0, 0, 0, 1, 0, 0, 0),
      Buffer.from('source\0s\0ro\0\0a\0b\0c\0\0'),
    ])
    for (const other of [{ errno: -2, step: 1, log: 'e words' }, 0]) {
      fakeKernel({ ...failing, newMount: () => other })
      await assert.rejects(mount(spec), (error: SyscallError) => {
        assert.deepEqual([error.code, error.detail], ['EINVAL', undefined])
        return true
      })
    }
    const quiet: MountSpec[] = [
      { ...spec, type: 'aufs' },
      { ...spec, options: [`a=${'b'.repeat(256)}`] },
    ]
    for (const other of quiet) {
      const calls = fakeKernel(failing)
      await assert.rejects(mount(other), { code: 'EINVAL' })
      assert.equal(calls.length, 1)
    }
  })
  it('takes it down lazily when somebody is in it', async () => {
    const asked = fakeKernel({
      mount: (args) => (args[0] === null ? EPERM : 0),
      umount2: (args) => (args[1] === 0 ? EBUSY : 0),
    })
    await assert.rejects(mount({ type: 'tmpfs', target: '/t', options: ['shared'] }), { code: 'EPERM' })
    assert.deepEqual(asked.slice(-2), [
      ['umount2', '/t', 0],
      ['umount2', '/t', 2],
    ])
  })
  it('tells of both failures when that fails too', async () => {
    fakeKernel({ mount: (args) => (args[0] === null ? EPERM : 0), umount2: () => -5 })
    await assert.rejects(mount({ type: 'tmpfs', target: '/t', options: ['shared'] }), (error: unknown) => {
      assert(error instanceof AggregateError)
      assert.deepEqual(
        error.errors.map(({ code }: { code: string }) => code),
        ['EPERM', 'EIO'],
      )
      assert.equal((error as AggregateError & { code: string }).code, 'EPERM')
      return true
    })
  })
  it('refuses what cannot be meant, without a call', async () => {
    const asked = fakeKernel()
    const wrong: Array<Partial<MountSpec>> = [
      { target: '/t' },
      { target: '', type: 'tmpfs' },
      { type: 'tmpfs' },
      { type: 'none', target: '/t' },
      { target: '/t', options: ['bind'] },
      { target: '/t', source: '/a', options: ['bind', 'size=1m'] },
      { target: '/t', source: '/a', options: ['bind', 'sync'] },
      { target: '/t', source: '/a', options: ['move', 'ro'] },
      { target: '/t', type: 'tmpfs', options: ['a,b'] },
    ]
    for (const spec of wrong) {
      await assert.rejects(mount(spec as MountSpec), { code: /^ERR_INVALID_ARG/ }, JSON.stringify(spec))
    }
    await assert.rejects(DetachedMount.create({ type: 'tmpfs', options: ['shared'] }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
    await assert.rejects(DetachedMount.create({ source: '/', options: ['move'] }), {
      code: 'ERR_INVALID_ARG_VALUE',
    })
    assert.deepEqual(asked, [])
  })
})

describe('many mounts', () => {
  afterEach(() => {
    setBinding(undefined)
  })
  it('wait for those that they lie on or come from', async () => {
    const asked = fakeKernel()
    await mountMany([
      { type: 'tmpfs', target: '/a' },
      { type: 'tmpfs', target: '/a/b' },
      { source: '/a/b/c', target: '/x', options: ['bind'] },
      { type: 'tmpfs', target: '/ab' },
    ])
    const targets = asked.map((args) => args[2])
    assert.deepEqual(targets, ['/a', '/ab', '/a/b', '/x'])
  })
  it('are all undone when one fails, the last first', async () => {
    const asked = fakeKernel({ mount: (args) => (args[1] === '/bad' ? -2 : 0) })
    const specs = ['/a', '/bad', '/a/b'].map((target) => ({ type: 'tmpfs', target }))
    await assert.rejects(mountMany(specs), { code: 'ENOENT', dest: '/bad' })
    const undone = asked.filter(([name]) => name === 'umount2')
    assert.deepEqual(undone, [
      ['umount2', '/a/b', 0],
      ['umount2', '/a', 0],
    ])
  })
})

describe('an abort', () => {
  afterEach(() => {
    setBinding(undefined)
  })
  it('undoes what mountMany made, before it rejects', async () => {
    const controller = new AbortController()
    const asked = fakeKernel({
      mount: () => {
        controller.abort('enough')
        return 0
      },
    })
    const specs = ['/a', '/a/b'].map((target) => ({ type: 'tmpfs', target }))
    await assert.rejects(mountMany(specs, { signal: controller.signal }), (reason) => reason === 'enough')
    assert.deepEqual(
      asked.map((args) => args.slice(0, 1).concat(args[0] === 'mount' ? args[2] : args[1])),
      [
        ['mount', '/a'],
        ['umount2', '/a'],
      ],
    )
  })
  it('ends withMount before its function is called, and unmounts', async () => {
    const controller = new AbortController()
    const asked = fakeKernel({
      mount: () => {
        controller.abort('enough')
        return 0
      },
    })
    const use = (): never => assert.fail('must not be called')
    const mounted = withMount({ type: 'tmpfs', target: '/t' }, use, { signal: controller.signal })
    await assert.rejects(mounted, (reason) => reason === 'enough')
    assert.deepEqual(
      asked.map(([name]) => name),
      ['mount', 'umount2'],
    )
  })
})
