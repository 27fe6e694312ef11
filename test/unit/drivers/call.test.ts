import assert from 'node:assert/strict'
import { Call } from '#lib/drivers/call.js'

const reason = Symbol('reason')

describe('a call', () => {
  it('answers what the work answers', async () => {
    for (const signal of [undefined, new AbortController().signal]) {
      assert.equal(await new Call(signal).settle(Promise.resolve(7)), 7)
      const failure = new Error('of the work')
      await assert.rejects(new Call(signal).settle(Promise.reject(failure)), (error) => error === failure)
    }
  })

  it('rejects at once when it is aborted, though the work goes on', async () => {
    const controller = new AbortController()
    const call = new Call(controller.signal)
    const settled = call.settle(new Promise(() => undefined))
    controller.abort(reason)
    await assert.rejects(settled, (error) => error === reason)
    assert.equal(call.commit(), false)
  })

  it('cannot be aborted any more when it is committed', async () => {
    const controller = new AbortController()
    const call = new Call(controller.signal)
    let finish!: (value: string) => void
    const settled = call.settle(new Promise<string>((resolve) => (finish = resolve)))
    assert.equal(call.commit(), true)
    controller.abort(reason)
    finish('done')
    assert.equal(await settled, 'done')
  })

  it('leaves no listener behind', async () => {
    const controller = new AbortController()
    let listeners = 0
    const { signal } = controller
    const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)]
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      listeners--
      remove(...args)
    }
    await new Call(signal).settle(Promise.resolve())
    await new Promise(setImmediate)
    assert.equal(listeners, 0)
  })
})
