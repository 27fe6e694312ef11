import assert from 'node:assert/strict'

import { describeHolders, DetachedMount, mount, mountMany, perform, unmount } from 'graphdriver/mount'
import type { MountPlan, MountSpec } from 'graphdriver/mount'
import type { SyscallError } from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import type { Native } from '#lib/sys/native.js'

/** A kernel that writes down what it is asked, and answers an errno where it is told to. */
function fakeKernel(answers: Readonly<Record<string, (args: unknown[]) => unknown>> = {}): unknown[][] {
  const asked: unknown[][] = []
  const { errnos, pageSize } = binding()
  const real: Readonly<Record<string, unknown>> = { errnos, pageSize }
  const double = new Proxy(real, {
    get: (target, name: string) => {
      if (name in target) return target[name]
      return (...args: unknown[]) => {
        asked.push([name, ...args])
        const call = name.replace(/Sync$/, '')
        const answer = answers[call]?.(args) ?? 0
        return name.endsWith('Sync') ? answer : Promise.resolve(answer)
      }
    },
  })
  setBinding(double as unknown as Native)
  return asked
}

const ENOSYS = -38
const EPERM = -1
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
    await mount({ target: '/b', options: ['remount', 'bind', 'ro'] })
    await mount({ target: '/b', options: ['rprivate'] })
    assert.deepEqual(asked, [
      ['mount', 's', '/t', 'tmpfs', 2, 'size=1m,mode=0700'],
      ['mount', '/a', '/b', null, 0x5000, null],
      ['mount', '/a', '/b', null, 0x2000, null],
      ['mount', 'none', '/b', null, MS_REMOUNT | MS_BIND | 1, ''],
      ['mount', null, '/b', null, 0x44000, null],
    ])
  })
  it('binds by a copy that is read-only before it is attached', async () => {
    const asked = fakeKernel({ openTree: () => 9 })
    await mount({ type: 'bind', source: '/a', target: '/b', options: ['rbind', 'ro', 'rnosuid', 'rslave'] })
    assert.deepEqual(asked, [
      ['openTree', -100, '/a', 0x88001],
      ['mountSetattr', 9, '', 0x1000, 1n, 0n, 0n, 0],
      ['mountSetattr', 9, '', 0x9000, 2n, 0n, 0n, 0],
      ['moveMount', 9, '', -100, '/b', 0x14],
      ['closeSync', 9],
      ['mount', null, '/b', null, 0x84000, null],
    ])
  })
  it('binds by two calls where the kernel is older, and keeps the flags that were there', async () => {
    for (const missing of [{ openTree: () => EPERM }, { openTree: () => 9, mountSetattr: () => ENOSYS }]) {
      const flags = BigInt64Array.from({ length: 11 }, (_, index) => (index === 10 ? 0x2n | 0x400n : 0n))
      const asked = fakeKernel({ ...missing, statfs: () => flags })
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
    const asked = fakeKernel({ openTree: () => ENOSYS })
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
    assert.equal(asked.length, 2)
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

describe('a plan', () => {
  afterEach(() => {
    setBinding(undefined)
  })
  const base = { form: 'x', type: 'aufs', readOnly: false, mounts: [] }
  const first = { call: 'mount', type: 'aufs', source: 's', flags: 0, data: ['br:/a=rw'] } as const
  const second = { ...first, flags: MS_REMOUNT, data: ['append:/b=ro'] } as const
  const plan: MountPlan = { ...base, steps: [first, second] }

  it('is performed step by step', async () => {
    const asked = fakeKernel()
    await perform(plan, '/t')
    assert.deepEqual(asked, [
      ['mount', 's', '/t', 'aufs', 0, 'br:/a=rw'],
      ['mount', 's', '/t', 'aufs', MS_REMOUNT, 'append:/b=ro'],
    ])
  })
  it('is rolled back when a remount fails: one mount, not two', async () => {
    const asked = fakeKernel({ mount: (args) => (args[3] === MS_REMOUNT ? -22 : 0) })
    await assert.rejects(perform(plan, '/t'), { code: 'EINVAL', syscall: 'mount', path: '/t' })
    assert.deepEqual(asked.slice(2), [['umount2', '/t', 0]])
  })
  it('is rolled back after remounts that went well: still one mount', async () => {
    let left = 3
    const asked = fakeKernel({ mount: () => (--left > 0 ? 0 : -22) })
    await assert.rejects(perform({ ...plan, steps: [first, second, second] }, '/t'), { code: 'EINVAL' })
    assert.deepEqual(asked.slice(3), [['umount2', '/t', 0]])
  })
  it('stops between its steps when it is aborted, and is undone by then', async () => {
    const controller = new AbortController()
    const asked = fakeKernel({
      mount: () => {
        controller.abort('enough')
        return 0
      },
    })
    await assert.rejects(perform(plan, '/t', { signal: controller.signal }), (reason) => reason === 'enough')
    assert.deepEqual(
      asked.map(([name]) => name),
      ['mount', 'umount2'],
    )
  })
  it('works on a mount that nobody sees until it is whole', async () => {
    const asked = fakeKernel({ newMount: () => 9 })
    const settings = [{ key: 'br', value: '/a=rw' }]
    await perform(
      {
        ...base,
        steps: [
          { call: 'newMount', type: 'aufs', settings, attributes: 1 },
          { call: 'reconfigure', settings },
        ],
      },
      '/t',
    )
    assert.deepEqual(
      asked.map(([name]) => name),
      ['newMount', 'reconfigure', 'moveMount', 'closeSync'],
    )
    assert.deepEqual(asked[1]?.slice(1, 4), [9, '', 9])
    assert.deepEqual(asked[2]?.slice(1), [9, '', -100, '/t', 4])
  })
  it('closes the mount when a step fails', async () => {
    const asked = fakeKernel({
      newMount: () => 9,
      reconfigure: () => ({ errno: -22, step: 1, log: 'e aufs: no' }),
    })
    const step = { call: 'newMount', type: 'aufs', settings: [], attributes: 0 } as const
    const failing: MountPlan = { ...base, steps: [step, { call: 'reconfigure', settings: [{ key: 'x' }] }] }
    await assert.rejects(perform(failing, '/t'), {
      code: 'EINVAL',
      syscall: 'fsconfig',
      path: '/t',
      detail: 'aufs: no',
    })
    assert.deepEqual(asked.at(-1), ['closeSync', 9])
    await assert.rejects(DetachedMount.create(plan), { code: 'ERR_INVALID_ARG_VALUE' })
  })
})

describe('unmount', () => {
  afterEach(() => {
    setBinding(undefined)
  })
  it('tries again while it is busy, and not for ever', async () => {
    let left = 3
    let asked = fakeKernel({ umount2: () => (--left > 0 ? EBUSY : 0) })
    await unmount('/t', { patience: { tries: 5, delayMs: 0 } })
    assert.deepEqual(
      asked,
      Array.from({ length: 3 }, () => ['umount2', '/t', 8]),
    )
    asked = fakeKernel({ umount2: () => EBUSY, statx: () => -2 })
    await assert.rejects(unmount('/t', { patience: { tries: 4, delayMs: 0 } }), { code: 'EBUSY' })
    assert.equal(asked.filter(([name]) => name === 'umount2').length, 4)
  })
  it('tries only once what cannot become better', async () => {
    const asked = fakeKernel({ umount2: () => EPERM })
    await assert.rejects(unmount('/t'), { code: 'EPERM' })
    assert.equal(asked.length, 1)
  })
  it('stops waiting when it is aborted', async () => {
    const controller = new AbortController()
    fakeKernel({
      umount2: () => {
        setImmediate(() => {
          controller.abort('enough')
        })
        return EBUSY
      },
    })
    const patience = { tries: 2, delayMs: 60_000 }
    await assert.rejects(
      unmount('/t', { patience, signal: controller.signal }),
      (reason) => reason === 'enough',
    )
  })
  it('says by flags what is meant', async () => {
    const asked = fakeKernel()
    await unmount('/t', { detach: true })
    await unmount('/t', { nofollow: false })
    assert.deepEqual(asked, [
      ['umount2', '/t', 10],
      ['umount2', '/t', 0],
    ])
    await assert.rejects(unmount('/t', { patience: { tries: 0, delayMs: 1 } }), { code: 'ERR_OUT_OF_RANGE' })
  })
})

describe('describeHolders', () => {
  it('names the first few', () => {
    const holder = (pid: number): Parameters<typeof describeHolders>[0][number] => ({
      pid,
      command: 'sh',
      kind: 'cwd',
      path: '/m',
    })
    assert.equal(describeHolders([]), '')
    assert.equal(describeHolders([holder(1)]), 'held by 1 (sh): cwd /m')
    assert.equal(
      describeHolders([holder(1), holder(2), holder(3)], 2),
      'held by 1 (sh): cwd /m, 2 (sh): cwd /m and 1 more',
    )
    assert.equal(
      describeHolders([{ ...holder(7), kind: 'namespace' }]),
      'held by 7 (sh): mounted in its namespace at /m',
    )
  })
})
