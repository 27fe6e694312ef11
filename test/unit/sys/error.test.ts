import assert from 'node:assert/strict'
import { constants } from 'node:os'

import { errnoName, errnoOf, GraphDriverError, SyscallError } from 'graphdriver/sys'
import { check } from '#lib/sys/error.js'

describe('errors', () => {
  describe('SyscallError', () => {
    it('is shaped like the errors of node:fs', () => {
      const error = new SyscallError(-constants.errno.EBUSY, 'umount2', { path: '/mnt' })
      assert.equal(error.message, "EBUSY: device or resource busy, umount2 '/mnt'")
      assert.equal(error.name, 'SyscallError')
      assert(error instanceof Error)
      assert.deepEqual(Object.fromEntries(Object.entries(error)), {
        code: 'EBUSY',
        errno: -16,
        syscall: 'umount2',
        path: '/mnt',
      })
    })
    it('says both paths and the detail', () => {
      const error = new SyscallError('EINVAL', 'mount', { path: 'a', dest: 'b', detail: 'bad option' })
      assert.equal(error.message, "EINVAL: invalid argument, mount 'a' -> 'b': bad option")
      assert.equal(error.detail, 'bad option')
      assert.equal(error.dest, 'b')
    })
    it('has no property for what is not there', () => {
      const error = new SyscallError('EBADF', 'close', { path: null, dest: undefined, detail: '' })
      assert.deepEqual(Object.keys(error), ['code', 'errno', 'syscall'])
      assert.equal(error.message, 'EBADF: bad file descriptor, close')
    })
    it('keeps bytes exactly when they are no UTF-8', () => {
      const strange = Buffer.from([0x2f, 0xff])
      const error = new SyscallError('ENOENT', 'rename', { path: Buffer.from('/é'), dest: strange })
      assert.equal(error.path, '/é')
      assert.equal(error.pathBytes, undefined)
      assert.equal(error.dest, '/\ufffd')
      assert.deepEqual(error.destBytes, strange)
    })
    it('can be told with more words, from the same place', () => {
      const first = new SyscallError('EBUSY', 'umount2', { path: Buffer.from([0x2f, 0xff]) })
      const more = first.with({ detail: 'held by 1 (init)' })
      assert.equal(more.message, "EBUSY: device or resource busy, umount2 '/\ufffd': held by 1 (init)")
      assert.deepEqual(more.pathBytes, first.pathBytes)
      const frames = (error: Error): string =>
        String(error.stack).slice(String(error.stack).indexOf('\n    at '))
      assert.equal(frames(more), frames(first))
      assert(more.stack?.startsWith(`SyscallError: ${more.message}`))
    })
    it('carries a cause', () => {
      const cause = new Error('why')
      assert.equal(new SyscallError('EIO', 'read', { cause }).cause, cause)
      assert(!('cause' in new SyscallError('EIO', 'read')))
    })
  })

  describe('names of errnos', () => {
    it('has those that Node lacks', () => {
      for (const [number, name] of [
        [15, 'ENOTBLK'],
        [116, 'ESTALE'],
        [117, 'EUCLEAN'],
        [66, 'EREMOTE'],
        [122, 'EDQUOT'],
        [123, 'ENOMEDIUM'],
      ] as const) {
        assert.equal(errnoName(-number), name)
        assert.equal(errnoName(number), name)
        assert.equal(errnoOf(name), -number)
        assert.match(new SyscallError(-number, 'mount').message, new RegExp(`^${name}: [a-z ]+, mount$`))
      }
    })
    it('has those of Node as Node spells them', () => {
      assert.equal(errnoName(-95), 'ENOTSUP')
      assert.equal(errnoName(-11), 'EAGAIN')
      assert.equal(errnoName(-35), 'EDEADLK')
      assert.equal(errnoOf('EOPNOTSUPP'), -95)
    })
    it('shows a number that has no name', () => {
      assert.equal(errnoName(-4000), 'E4000')
    })
    it('refuses a name that Linux does not have', () => {
      assert.throws(() => errnoOf('ENOSUCH'), RangeError)
    })
  })

  describe('check', () => {
    it('gives back what is no error', () => {
      assert.equal(check(0, 'mount'), 0)
      assert.equal(check(7, 'openat2'), 7)
      const bytes = new Uint8Array(1)
      assert.equal(check(bytes, 'read'), bytes)
    })
    it('throws what is one', () => {
      assert.throws(() => check(-2, 'openat2', { path: '/x' }), { code: 'ENOENT', errno: -2, path: '/x' })
    })
  })

  describe('GraphDriverError', () => {
    it('has a code, and only what it was given', () => {
      const error = new GraphDriverError('ERR_LAYER_NOT_FOUND', 'no layer x', { id: 'x' })
      assert.deepEqual(Object.fromEntries(Object.entries(error)), { code: 'ERR_LAYER_NOT_FOUND', id: 'x' })
      assert.equal(error.name, 'GraphDriverError')
      assert(!('cause' in error))
      const cause = new Error('why')
      const other = new GraphDriverError('ERR_STORE_FOREIGN', 'no', { cause, path: '/p', detail: 'd' })
      assert.equal(other.cause, cause)
      assert.deepEqual(Object.fromEntries(Object.entries(other)), {
        code: 'ERR_STORE_FOREIGN',
        path: '/p',
        detail: 'd',
      })
    })
  })
})
