import assert from 'node:assert/strict'

import { newMount, newMountSync, reconfigureSync, tryMountSync } from 'graphdriver/sys'
import type { FsSetting } from 'graphdriver/sys'
import { setBinding } from '#lib/sys/binding.js'
import type { Failure, Native } from '#lib/sys/native.js'

describe('newMount', () => {
  let asked: unknown[][] = []
  let answer: number | Failure = 9

  before(() => {
    const call = (...args: unknown[]): number | Failure => {
      asked.push(args)
      return answer
    }
    const promised = (...args: unknown[]): Promise<number | Failure> => Promise.resolve(call(...args))
    setBinding({ newMountSync: call, newMount: promised, reconfigureSync: call } as unknown as Native)
  })
  after(() => {
    setBinding(undefined)
  })
  beforeEach(() => {
    asked = []
    answer = 9
  })

  const settings: FsSetting[] = [
    { key: 'ro' },
    { key: 'source', value: 'é' },
    { key: 'lowerdir+', fd: 12 },
    { key: 'upperdir', path: Buffer.from('/u'), dirfd: 3 },
    { key: 'workdir', path: '/w' },
  ]
  const commands = Int32Array.of(0, 0, 1, 0, 5, 12, 3, 3, 3, -100)
  const words = Buffer.from('ro\0\0source\0é\0lowerdir+\0\0upperdir\0/u\0workdir\0/w\0')

  it('writes each kind of setting as the addon takes it', () => {
    assert.equal(newMountSync({ type: 'overlay', settings, attributes: 1 }), 9)
    assert.deepEqual(asked, [['overlay', commands, words, 1, 1]])
  })
  it('stops after the superblock where it is only a try', () => {
    answer = 0
    tryMountSync({ type: 'tmpfs' })
    assert.deepEqual(asked, [['tmpfs', new Int32Array(0), Buffer.alloc(0), 1, -1]])
  })
  it('reconfigures by the same settings', () => {
    answer = 0
    reconfigureSync(4, '', 8, settings)
    assert.deepEqual(asked, [[4, '', 8, commands, words]])
  })

  describe('that fails', () => {
    function failure(step: number, log = ''): Partial<Record<'code' | 'syscall' | 'detail', string>> {
      answer = { errno: -22, step, log }
      try {
        newMountSync({ type: 'overlay', settings })
      } catch (error) {
        const { code, syscall, detail } = error as NodeJS.ErrnoException & { detail: string }
        return { code: code ?? '', syscall: syscall ?? '', detail }
      }
      return assert.fail('must throw')
    }
    it('names the call', () => {
      assert.deepEqual(failure(0), { code: 'EINVAL', syscall: 'fsopen', detail: undefined })
      assert.deepEqual(failure(6), { code: 'EINVAL', syscall: 'fsconfig', detail: undefined })
      assert.deepEqual(failure(7), { code: 'EINVAL', syscall: 'fsmount', detail: undefined })
    })
    it('names the setting where the kernel has no words', () => {
      assert.equal(failure(1).detail, 'at ro')
      assert.equal(failure(2).detail, 'at source=é')
      assert.equal(failure(3).detail, 'at lowerdir+=<fd 12>')
      assert.equal(failure(4).detail, 'at upperdir=/u')
    })
    it("gives the kernel's words, without its marks", () => {
      assert.equal(failure(2, 'e overlay: one\nw two\ni three\n').detail, 'overlay: one; two; three')
    })
    it('names the calls of a reconfigure', () => {
      answer = { errno: -22, step: 0, log: '' }
      assert.throws(
        () => {
          reconfigureSync(4, '/x', 0, settings)
        },
        { syscall: 'fspick', path: '/x' },
      )
      answer = { errno: -22, step: 6, log: '' }
      assert.throws(
        () => {
          reconfigureSync(4, '/x', 0, settings)
        },
        { syscall: 'fsconfig', path: '/x' },
      )
    })
    it('rejects the promise alike', async () => {
      answer = { errno: -19, step: 0, log: '' }
      await assert.rejects(newMount({ type: 'nosuchfs' }), { code: 'ENODEV', syscall: 'fsopen' })
    })
  })

  it('refuses wrong arguments without a call', () => {
    const wrong: unknown[] = [
      undefined,
      {},
      { type: '' },
      { type: 5 },
      { type: 'x\0' },
      { type: 'x', settings: 'ro' },
      { type: 'x', settings: [null] },
      { type: 'x', settings: [{}] },
      { type: 'x', settings: [{ key: '' }] },
      { type: 'x', settings: [{ key: 'a\0' }] },
      { type: 'x', settings: [{ key: 'a', value: 'b\0' }] },
      { type: 'x', settings: [{ key: 'a', value: 5 }] },
      { type: 'x', settings: [{ key: 'a', fd: -1 }] },
      { type: 'x', settings: [{ key: 'a', path: '/', dirfd: -1 }] },
      { type: 'x', flags: -1 },
      { type: 'x', attributes: 0.5 },
      // What tryMount says to native: its answer would be taken for a descriptor.
      { type: 'x', attributes: -1 },
    ]
    for (const options of wrong) {
      assert.throws(() => newMountSync(options as never), { code: /^ERR_(INVALID_ARG|OUT_OF_RANGE)/ })
    }
    assert.deepEqual(asked, [])
  })
})
