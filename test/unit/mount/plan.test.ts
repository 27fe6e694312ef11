import assert from 'node:assert/strict'

import { describeHolders, DetachedMount, perform, unmount } from 'graphdriver/mount'
import type { MountPlan } from 'graphdriver/mount'
import { setBinding } from '#lib/sys/binding.js'
import { fakeKernel } from './fake-kernel.ts'

const EPERM = -1
const EBUSY = -16
const MS_REMOUNT = 0x20

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
