import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { Mutex } from '#lib/store/index.js'

describe('the mutex', () => {
  it('lets callers in one at a time, in the order in which they came', async () => {
    const mutex = new Mutex<string>()
    const seen: number[] = []
    let inside = 0
    const visit = async (number: number): Promise<void> => {
      const leave = await mutex.enter('key')
      assert.equal(++inside, 1)
      await turn()
      seen.push(number)
      inside--
      leave()
    }
    await Promise.all([1, 2, 3, 4].map(visit))
    assert.deepEqual(seen, [1, 2, 3, 4])
  })
  it('keeps keys apart', async () => {
    const mutex = new Mutex<string>()
    const leave = await mutex.enter('one')
    const other = await mutex.enter('two')
    other()
    leave()
  })
  it('rejects at once with the reason of an abort, and lets those behind in', async () => {
    const mutex = new Mutex<string>()
    const leave = await mutex.enter('key')
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = mutex.enter('key', controller.signal)
    const behind = mutex.enter('key')
    controller.abort(reason)
    await assert.rejects(waiting, (error) => error === reason)
    leave()
    const last = await behind
    last()
  })
  it('does not let those behind an aborted one in before the first has left', async () => {
    const mutex = new Mutex<string>()
    const leave = await mutex.enter('key')
    const controller = new AbortController()
    const waiting = mutex.enter('key', controller.signal)
    let entered = false
    const behind = mutex.enter('key').then((done) => {
      entered = true
      return done
    })
    controller.abort()
    await assert.rejects(waiting)
    for (let turns = 0; turns < 5; turns++) await turn()
    assert.equal(entered, false)
    leave()
    const last = await behind
    last()
  })
  it('refuses a signal that is aborted already, without a trace', async () => {
    const mutex = new Mutex<string>()
    await assert.rejects(mutex.enter('key', AbortSignal.abort(new Error('before'))), /before/)
    const leave = await mutex.enter('key')
    leave()
  })
  it('never has two inside, whoever gives up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 12 }), async (givesUp) => {
        const mutex = new Mutex<number>()
        let inside = 0
        const visit = async (abort: boolean): Promise<void> => {
          const controller = new AbortController()
          const entering = mutex.enter(1, controller.signal)
          if (abort) controller.abort()
          const leave = await entering.catch(() => undefined)
          if (leave === undefined) return
          assert.equal(++inside, 1)
          await turn()
          inside--
          leave()
        }
        await Promise.all(givesUp.map(visit))
        const leave = await mutex.enter(1)
        leave()
      }),
      { numRuns: 50 },
    )
  })
})
