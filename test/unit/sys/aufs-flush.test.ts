import assert from 'node:assert/strict'
import { aufsFlush, aufsFlushSync, AUFS_PLINK_MAINT } from 'graphdriver/sys'
import { binding, setBinding } from '#lib/sys/binding.js'
import type { Native, TreeFailure } from '#lib/sys/native.js'

describe('aufsFlush', () => {
  let asked: unknown[] = []
  let answer: number | TreeFailure = 0
  beforeEach(() => {
    asked = []
    answer = 0
    const aufsFlushSync: Native['aufsFlushSync'] = (dirfd, path, branches, si) => {
      asked = [dirfd, path, Buffer.from(branches).toString(), si]
      return answer
    }
    const flush: Native['aufsFlush'] = (...args) => Promise.resolve(aufsFlushSync(...args))
    setBinding({ ...binding(), aufsFlushSync, aufsFlush: flush })
  })
  afterEach(() => setBinding(undefined))

  it('passes on every branch, and the number if there is one', async () => {
    answer = 3
    const branches = ['/a b', Buffer.from('/c')]
    assert.equal(await aufsFlush({ dirfd: 7, path: '.' }, { branches, si: '1F' }), 3)
    assert.deepEqual(asked, [7, '.', '/a b\0/c\0', '1F'])
    assert.equal(aufsFlushSync('/u', { branches: [] }), 3)
    assert.deepEqual(asked.slice(1), ['/u', '', null])
  })

  it('refuses what cannot be a number or a path, before anything is asked', () => {
    const wrong: [options: unknown, words: RegExp][] = [
      [undefined, /options\.branches/],
      [{ branches: '/a' }, /options\.branches/],
      [{ branches: ['/a\0'] }, /options\.branches\[0\]/],
      [{ branches: [7] }, /options\.branches\[0\]/],
      // The kernel's buffer has room for no more.
      ...['', '12345678901234567', 'xyz', 7].map((si): [unknown, RegExp] => [
        { branches: [], si },
        /options\.si/,
      ]),
    ]
    for (const [options, message] of wrong) {
      assert.throws(() => aufsFlushSync('/u', options as never), { message })
    }
    assert.deepEqual(asked, [])
  })

  it('tells the whole path of what failed', async () => {
    const failures: [syscall: string, path: string, told: string][] = [
      ['utimensat', 'far/two', '/u/far/two'],
      ['openat', '', '/u'],
      ['unlinkat', '/r/diff/b/.wh..wh.plnk', '/r/diff/b/.wh..wh.plnk'],
      ['write', '', AUFS_PLINK_MAINT],
      ['open', '', AUFS_PLINK_MAINT],
    ]
    for (const [syscall, path, told] of failures) {
      answer = { errno: -28, syscall, path: Buffer.from(path) }
      await assert.rejects(aufsFlush('/u', { branches: [] }), { code: 'ENOSPC', syscall, path: told })
    }
  })
})
