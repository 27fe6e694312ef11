import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'

import { abortable, gathered, sleep } from '#lib/mount/abort.js'

/** A promise and what settles it. */
function deferred<T>(): {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe('abortable', () => {
  const unexpected = (): Promise<never> => assert.fail('must not be undone')

  it('undoes exactly what the caller does not get, also when both happen at one moment', async () => {
    for (const abortFirst of [true, false]) {
      const controller = new AbortController()
      const work = deferred<number>()
      let undone = 0
      const undo = (): Promise<void> => {
        undone++
        return Promise.resolve()
      }
      const got = abortable(controller.signal, () => work.promise, undo).then(
        () => true,
        () => false,
      )
      const steps = [() => controller.abort(), () => work.resolve(1)]
      for (const step of abortFirst ? steps : steps.reverse()) step()
      const gotIt = await got
      await new Promise(setImmediate)
      assert.equal(undone, gotIt ? 0 : 1, `abort first: ${String(abortFirst)}`)
    }
  })
  it('is the work itself where nothing is aborted', async () => {
    assert.equal(await abortable(undefined, () => Promise.resolve(1)), 1)
    const { signal } = new AbortController()
    assert.equal(await abortable(signal, () => Promise.resolve(2), unexpected), 2)
    const error = new Error('own')
    await assert.rejects(
      abortable(signal, () => Promise.reject(error), unexpected),
      error,
    )
  })
  it('does not begin when it is aborted already', async () => {
    await assert.rejects(abortable(AbortSignal.abort('why'), unexpected), (reason) => reason === 'why')
  })
  it('rejects at once, and undoes what comes of it later', async () => {
    const controller = new AbortController()
    const work = deferred<string>()
    const undone = deferred<string>()
    const result = abortable(
      controller.signal,
      () => work.promise,
      async (made) => {
        undone.resolve(made)
      },
    )
    controller.abort('enough')
    await assert.rejects(result, (reason) => reason === 'enough')
    work.resolve('made')
    assert.equal(await undone.promise, 'made')
  })
  it('leaves no rejection behind when the work fails later', async () => {
    const controller = new AbortController()
    const work = deferred<string>()
    const result = abortable(controller.signal, () => work.promise, unexpected)
    controller.abort('enough')
    await assert.rejects(result)
    work.reject(new Error('late'))
    await delay(1)
  })
  it('ends a sleep', async () => {
    await sleep(0)
    const controller = new AbortController()
    const sleeping = sleep(100_000, controller.signal)
    controller.abort('awake')
    await assert.rejects(sleeping, (reason) => reason === 'awake')
  })
})

describe('gathered', () => {
  it('is the first error where there is no other', () => {
    const first = new Error('a')
    assert.equal(gathered(first, []), first)
  })
  it('has the code of the first, which is its cause too', () => {
    const first = Object.assign(new Error('a'), { code: 'EBUSY' })
    const second = new Error('b')
    const all = gathered(first, [second])
    assert(all instanceof AggregateError)
    assert.deepEqual(all.errors, [first, second])
    assert.equal(all.cause, first)
    assert.equal((all as AggregateError & { code: string }).code, 'EBUSY')
    assert.match(all.message, /^a /)
    assert(gathered('text', [1]) instanceof AggregateError)
  })
})
