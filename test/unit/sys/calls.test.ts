import assert from 'node:assert/strict'

import * as sys from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import type { Native } from '#lib/sys/native.js'

type Twin = (...args: unknown[]) => unknown
const functions = sys as unknown as Readonly<Record<string, Twin>>
const bytes = Buffer.from('v')

/** Each call: good arguments, what the addon is then asked, the system call's name in errors, and arguments that are refused. */
const calls: ReadonlyArray<{
  name: string
  good: unknown[]
  asked: unknown[]
  native?: string
  syscall: string
  bad: unknown[][]
}> = [
  {
    name: 'mount',
    good: ['s', '/t', 'tmpfs', 5, 'size=1'],
    asked: ['s', '/t', 'tmpfs', 5, 'size=1'],
    syscall: 'mount',
    bad: [
      [1, '/t', 'x', 0, ''],
      ['s', undefined, 'x'],
      ['s', '', 'x'],
      ['s', '/t\0', 'x'],
      ['s', '/t', 3],
      ['s', '/t', ''],
      ['s', '/t', 'x', -1],
      ['s', '/t', 'x', 1.5],
      ['s', '/t', 'x', 2 ** 32],
      ['s', '/t', 'x', '1'],
      ['s', '/t', 'x', 0, 'a\0b'],
      ['s', '/t', 'x', 0, Buffer.from('a\0b')],
      ['s', '/t', 'x', 0, {}],
    ],
  },
  {
    name: 'mountAt',
    good: ['/d', null, '/t', null],
    asked: ['/d', null, '/t', null, 0, null],
    syscall: 'mount',
    bad: [
      ['', null, '/t', null],
      [3, null, '/t', null],
    ],
  },
  {
    name: 'umount2',
    good: ['/t', 8],
    asked: ['/t', 8],
    syscall: 'umount2',
    bad: [[], [''], ['/t', null], [null]],
  },
  {
    name: 'openTree',
    good: [sys.AT_FDCWD, '/t', 1],
    asked: [-100, '/t', 0x80001],
    syscall: 'open_tree',
    bad: [
      [-1, '/t'],
      ['x', '/t'],
      [1, '/t', -1],
      [1, null],
    ],
  },
  {
    name: 'moveMount',
    good: [4, '', -100, '/t', 4],
    asked: [4, '', -100, '/t', 4],
    syscall: 'move_mount',
    bad: [
      [4, '', -100, '/t'],
      [4, '', -101, '/t', 4],
      [4.5, '', -100, '/t', 4],
    ],
  },
  {
    name: 'mountSetattr',
    good: [4, '', 0x1000, { set: 1n, clear: 2n, propagation: 3n, usernsFd: 5 }],
    asked: [4, '', 0x1000, 1n, 2n, 3n, 5],
    syscall: 'mount_setattr',
    bad: [
      [4, '', 0, { set: 1 }],
      [4, '', 0, { set: -1n }],
      [4, '', 0, { clear: 2n ** 64n }],
      [4, '', 0, null],
    ],
  },
  {
    name: 'statfs',
    good: ['/'],
    asked: ['/'],
    syscall: 'statfs',
    bad: [[], ['']],
  },
  {
    name: 'statx',
    good: ['x', { dirfd: 3, flags: 0x100, mask: 1 }],
    asked: [3, 'x', 0x100, 1],
    syscall: 'statx',
    bad: [[], ['x', { dirfd: -2 }], ['x', { mask: -1 }], ['x', 5], ['x', { flags: 'no' }]],
  },
  {
    name: 'getLock',
    good: [3, 1, 0, 10],
    asked: [3, 1, 0, 10],
    syscall: 'fcntl',
    bad: [
      [-1, 1, 0, 1],
      [3, 3, 0, 1],
      [3, 1, -1, 1],
      [3, 1, 0, 2 ** 53],
      [3, 1, 0],
    ],
  },
  {
    name: 'setLock',
    good: [3, 0, 5, 0],
    asked: [3, 0, 5, 0],
    syscall: 'fcntl',
    bad: [
      [null, 1, 0, 1],
      [3, '1', 0, 1],
    ],
  },
  {
    name: 'openat2',
    good: [3, 'x', { flags: 1, mode: 0o600, resolve: 8 }],
    asked: [3, 'x', 0x80001, 0o600, 8],
    syscall: 'openat2',
    bad: [
      [3, ''],
      [3, 'x', { mode: 0o10000 }],
      [3, 'x', { resolve: -1 }],
      [3, 'x', null],
    ],
  },
  { name: 'close', good: [3], asked: [3], syscall: 'close', bad: [[], [-1], ['3'], [NaN], [2 ** 31]] },
  {
    name: 'mkdirat',
    good: [3, 'x'],
    asked: [3, 'x', 0o777],
    syscall: 'mkdirat',
    bad: [[3, 'x', 0o20000], [3]],
  },
  {
    name: 'unlinkat',
    good: [3, 'x', 512],
    asked: [3, 'x', 512],
    syscall: 'unlinkat',
    bad: [[3], [3, 'x', -1]],
  },
  {
    name: 'renameat2',
    good: [3, 'a', 4, 'b', 2],
    asked: [3, 'a', 4, 'b', 2],
    syscall: 'renameat2',
    bad: [
      [3, 'a', 4],
      [3, 'a', undefined, 'b'],
      [3, '', 4, 'b'],
    ],
  },
  {
    name: 'mknodat',
    good: [3, 'x', 0o20600],
    asked: [3, 'x', 0o20600, 0, 0],
    syscall: 'mknodat',
    bad: [
      [3, 'x'],
      [3, 'x', 2 ** 16],
      [3, 'x', 1, -1],
    ],
  },
  {
    name: 'utimensat',
    good: [3, 'x', null, -1n, 256],
    asked: [3, 'x', null, -1n, 256],
    syscall: 'utimensat',
    bad: [
      [3, 'x', 1, null],
      [3, 'x', null],
      [3, 'x', null, 2n ** 63n],
    ],
  },
  {
    name: 'aufsBranches',
    good: [{ dirfd: 3, path: '.' }],
    asked: [3, '.'],
    syscall: 'ioctl',
    bad: [[], [''], [null], [{ dirfd: 3 }]],
  },
  {
    name: 'aufsFlush',
    good: [
      { dirfd: 3, path: 'x' },
      { branches: ['/b'], si: '2f' },
    ],
    asked: [3, 'x', Buffer.from('/b\0'), '2f'],
    syscall: 'openat',
    bad: [['x'], ['x', {}], ['x', { branches: ['/b'], si: 'no' }], [null, { branches: [] }]],
  },
  { name: 'aufsUnions', good: ['/x'], asked: ['/x'], syscall: 'open', bad: [[''], [null], [7]] },
  { name: 'syncfs', good: [3], asked: [3], syscall: 'syncfs', bad: [[], [-1]] },
  {
    name: 'readFile',
    good: [{ dirfd: 3, path: 'x' }, 10],
    asked: [3, 'x', 10],
    syscall: 'open',
    bad: [['x'], ['x', -1], [{ dirfd: 3 }, 10], [{ path: 'x' }, 10], [null, 10]],
  },
  {
    name: 'getxattr',
    good: ['x', 'user.a', { nofollow: true }],
    asked: ['x', 'user.a', false],
    syscall: 'lgetxattr',
    bad: [['x'], ['x', ''], ['x', 'a', 1], ['', 'a']],
  },
  {
    name: 'setxattr',
    good: ['x', 'user.a', bytes, { flags: 1 }],
    asked: ['x', 'user.a', bytes, 1, true],
    syscall: 'setxattr',
    bad: [
      ['x', 'a', 'text'],
      ['x', 'a'],
      ['x', 'a', bytes, { flags: -1 }],
    ],
  },
  { name: 'listxattr', good: ['x'], asked: ['x', true], syscall: 'listxattr', bad: [[], [7]] },
  {
    name: 'removexattr',
    good: ['x', 'user.a'],
    asked: ['x', 'user.a', true],
    syscall: 'removexattr',
    bad: [['x'], ['x', 5]],
  },
  {
    name: 'removeTree',
    good: ['x'],
    asked: [-100, 'x'],
    syscall: 'unlinkat',
    bad: [[], [{ dirfd: -5, path: 'x' }], ['']],
  },
  {
    name: 'copyTree',
    good: ['x', 'y', { lenient: true }],
    asked: ['x', 'y', 1],
    syscall: 'copy_file_range',
    bad: [['x'], ['', 'y'], ['x', 'y', 1]],
  },
  { name: 'mountinfo', good: ['/f'], asked: ['/f'], syscall: 'open', bad: [[''], [4]] },
  { name: 'listMounts', good: [], asked: [0], syscall: 'listmount', bad: [] },
  {
    name: 'isMountRoot',
    good: ['x', 0x100],
    asked: ['x', 0x100],
    syscall: 'statx',
    bad: [[], [5], ['x', -1]],
  },
]

describe('the calls of floor 1', () => {
  let asked: unknown[] = []
  let answer: unknown

  before(() => {
    const { errnos, pageSize } = binding()
    const real: Readonly<Record<string, unknown>> = { errnos, pageSize }
    const double = new Proxy(real, {
      get: (target, name: string) => {
        if (name in target) return target[name]
        return (...args: unknown[]) => {
          asked.push([name, ...args])
          return name.endsWith('Sync') ? answer : Promise.resolve(answer)
        }
      },
    })
    setBinding(double as unknown as Native)
  })
  after(() => {
    setBinding(undefined)
  })
  beforeEach(() => {
    asked = []
  })

  it('has both twins of each', () => {
    // Asked of the kernel in a microsecond: that one has no promise.
    const alone = ['mountsChangedSync']
    const twins = Object.keys(functions).filter((name) => name.endsWith('Sync') && !alone.includes(name))
    const tested = calls.map(({ name }) => name)
    for (const twin of twins) assert.equal(typeof functions[twin.slice(0, -4)], 'function', twin)
    const others = ['newMount', 'tryMount', 'reconfigure']
    assert.deepEqual(twins.map((name) => name.slice(0, -4)).sort(), [...tested, ...others].sort())
  })

  for (const { name, good, asked: wanted, syscall, bad } of calls) {
    describe(name, () => {
      const sync = functions[`${name}Sync`]!
      const promised = functions[name]!
      it('asks the addon, and makes an error of an errno', async () => {
        answer = -5
        assert.throws(() => sync(...good), { name: 'SyscallError', code: 'EIO', errno: -5, syscall })
        const promise = promised(...good) as Promise<unknown>
        await assert.rejects(promise, { name: 'SyscallError', code: 'EIO', errno: -5, syscall })
        assert.deepEqual(asked, [
          [`${name}Sync`, ...wanted],
          [name, ...wanted],
        ])
      })
      it('refuses wrong arguments without a call', async () => {
        for (const args of bad) {
          const refused = { code: /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE)$/ }
          assert.throws(() => sync(...args), refused, `${name}Sync ${JSON.stringify(args, plain)}`)
          await assert.rejects(promised(...args) as Promise<unknown>, refused)
        }
        assert.deepEqual(asked, [])
      })
    })
  }

  describe('statx', () => {
    it('asks for the basic fields, the birth and the mount where nothing is said', () => {
      answer = -2
      assert.throws(() => sys.statxSync('x'))
      const mask = sys.STATX_BASIC_STATS | sys.STATX_BTIME | sys.STATX_MNT_ID
      assert.deepEqual(asked, [['statxSync', sys.AT_FDCWD, 'x', 0, mask]])
    })
  })

  describe('setLock', () => {
    it('answers false for a lock in the way, and throws for the rest', () => {
      answer = -11
      assert.equal(sys.setLockSync(3, 1, 0, 1), false)
      answer = 0
      assert.equal(sys.setLockSync(3, 1, 0, 1), true)
      answer = -37
      assert.throws(() => sys.setLockSync(3, 1, 0, 1), { code: 'ENOLCK' })
    })
  })

  describe('aufs', () => {
    it('decodes branches: permissions, escapes, UTF-8', () => {
      const text = '/a\\040b/\xc3\xa9/x'
      answer = {
        rows: Int32Array.of(1, 1, 0, 10, 2, 0x1002, 10, 12, 3, 0x2001, 10, 12, 4, 0x1004, 10, 12),
        text,
      }
      const [first, ...rest] = sys.aufsBranchesSync('/u')
      assert.deepEqual(first, { id: 1, permission: 'rw', path: '/a b/é' })
      assert.deepEqual(
        rest.map(({ permission, path }) => [permission, path]),
        [
          ['ro+wh', '/x'],
          ['rw+nolwh', '/x'],
          ['rr+wh', '/x'],
        ],
      )
    })

    it('names unions, in sysfs where nothing is said', () => {
      answer = Buffer.from('si_1\0si_2f\0')
      assert.deepEqual(sys.aufsUnionsSync(), ['si_1', 'si_2f'])
      assert.deepEqual(asked, [['aufsUnionsSync', '/sys/fs/aufs']])
      answer = Buffer.alloc(0)
      assert.deepEqual(sys.aufsUnionsSync(), [])
    })
  })

  describe('a tree that failed', () => {
    it('tells which entry it was', () => {
      answer = { errno: -16, syscall: 'unlinkat', path: Buffer.from('a/b') }
      assert.throws(() => sys.removeTreeSync('/r'), { code: 'EBUSY', syscall: 'unlinkat', path: '/r/a/b' })
      answer = { errno: -20, syscall: 'openat2', path: Buffer.alloc(0) }
      assert.throws(() => sys.removeTreeSync('/r'), { code: 'ENOTDIR', path: '/r' })
      answer = { errno: -28, syscall: 'write', path: Buffer.from([0xff]) }
      assert.throws(
        () => sys.copyTreeSync('/f', '/t'),
        (error: sys.SyscallError) => {
          assert.deepEqual(error.pathBytes, Buffer.from('/f/\xff', 'latin1'))
          assert.equal(error.dest, '/t')
          return true
        },
      )
    })
  })
})

function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
