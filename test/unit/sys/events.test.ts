import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { pathText, tell, telling, type MountEvent } from '#lib/sys/events.js'

describe('events', () => {
  const heard: MountEvent[] = []
  const listener = (message: unknown): void => {
    heard.push(message as MountEvent)
  }
  beforeEach(() => {
    heard.length = 0
    subscribe('graphdriver:mount', listener)
  })
  afterEach(() => unsubscribe('graphdriver:mount', listener))

  const about = { target: '/t', type: 'overlay', form: 'mount' }

  it('are not even made when nobody listens', () => {
    let made = 0
    const make = (): never => {
      made++
      throw new Error('made')
    }
    tell('sweep', make)
    tell('warning', make)
    assert.equal(made, 0)
    assert.throws(() => {
      tell('mount', make)
    }, /made/)
  })

  it('work is done as it is when nobody listens: not a promise more', () => {
    const promise = Promise.resolve(1)
    assert.equal(
      telling('unmount', { target: '/t', detach: false, tries: 1 }, () => promise),
      promise,
    )
  })

  it('tell how work ended, and change nothing in it', async () => {
    assert.equal(await telling('mount', about, async () => Promise.resolve(7)), 7)
    const failure = Object.assign(new Error('no'), { code: 'EPERM' })
    await assert.rejects(
      telling('mount', about, () => Promise.reject(failure)),
      (error) => error === failure,
    )
    assert.deepEqual(
      heard.map(({ milliseconds, ...rest }) => [milliseconds >= 0, rest]),
      [
        [true, about],
        [true, { ...about, error: { code: 'EPERM', message: 'no' } }],
      ],
    )
  })

  it('tell what the work found out about itself', async () => {
    const event = { ...about }
    await telling('mount', event, () => {
      event.form = 'other'
      return Promise.resolve()
    })
    assert.equal(heard[0]?.form, 'other')
  })

  it('have an error without a code, or one that is none, too', async () => {
    for (const thrown of [new TypeError('t'), 'text']) {
      await assert.rejects(
        telling('mount', about, () => Promise.reject(thrown as Error)),
        () => true,
      )
    }
    assert.deepEqual(
      heard.map(({ error }) => error),
      [
        { code: 'TypeError', message: 't' },
        { code: 'UNKNOWN', message: 'text' },
      ],
    )
  })

  it('have paths as text', () => {
    assert.equal(pathText('/a'), '/a')
    assert.equal(pathText(Buffer.from('/ä')), '/ä')
    assert.equal(pathText(Buffer.from([0x2f, 0xff])), '/\ufffd')
  })
})
