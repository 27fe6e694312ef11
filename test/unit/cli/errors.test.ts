import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { GraphDriverError, SyscallError } from 'graphdriver'
import { CODES } from '#lib/cli/codes.js'
import { describe as describeError, errorText, inWordsOfTheCommand } from '#lib/cli/describe.js'
import { allExplained, explain } from '#lib/cli/explain.js'
import { setBinding } from '#lib/sys/binding.js'

const plain = { columns: Infinity, color: false }

describe('errors of the command', () => {
  it('one sentence with its code, then what to do', () => {
    const error = new GraphDriverError('ERR_LAYER_NOT_FOUND', 'there is no layer "a"', {
      id: 'a',
      detail: 'more',
    })
    const [first, second, third] = errorText(error, plain, false).split('\n')
    assert.equal(first, 'graphdriver: there is no layer "a" (ERR_LAYER_NOT_FOUND)')
    assert.match(second!, /^ {2}`graphdriver ls`/)
    assert.equal(third, '')
    assert.match(errorText(error, plain, true), /\nmore\n.*GraphDriverError.*\n\s+at /s)
    const call = new SyscallError('EBUSY', 'umount2', { path: '/mnt', detail: 'held by 1' })
    assert.match(errorText(call, plain, false), /^graphdriver: EBUSY: [^(]*'\/mnt': held by 1\n {2}\S/)
  })

  it('as data', () => {
    const call = new SyscallError('EBUSY', 'umount2', { path: '/mnt' })
    const { code, errno, syscall, path } = describeError(call)
    assert.deepEqual([code, errno, syscall, path], ['EBUSY', -16, 'umount2', '/mnt'])
    assert.deepEqual(describeError('text'), { code: 'ERR_UNKNOWN', message: 'text' })
  })

  it('options of the library are said as those of the command', () => {
    const said =
      "{ detach: true } { recursive: true } cleanup({ orphans: true }) convert(root, { to: 'aufs' })"
    assert.doesNotMatch(inWordsOfTheCommand(said), /[{}]/)
  })

  it('every code and every errno that is listed is explained', () => {
    const source = readFileSync(new URL('../../../lib/sys/failure.ts', import.meta.url), 'utf8')
    const codes = new Set(source.match(/'ERR_\w+'/g)?.map((code) => code.slice(1, -1)))
    assert.deepEqual(Object.keys(CODES).sort(), [...codes].sort())
    for (const code of codes) {
      const { cause, remedy } = explain(code)!
      assert.match(cause, /^\S.*\.$/, code)
      assert.match(remedy, /\.$/, code)
    }
  })

  it('every errno of Linux is explained, by number and by name', () => {
    // asm-generic/errno.h: 41 and 58 are second numbers of nothing.
    for (let errno = 1; errno <= 133; errno++) {
      const found = explain(String(errno))
      if (errno === 41 || errno === 58) assert.equal(found, undefined)
      else assert.deepEqual([found?.errno, explain(found?.code ?? '')?.errno], [errno, errno])
      assert.ok(found === undefined || (found.cause && found.remedy), String(errno))
    }
    assert.equal(explain('134'), undefined)
    const listed = Object.values(allExplained()).flat()
    for (const { code, cause, remedy } of listed) assert.ok(cause && remedy, code)
    assert.ok(listed.some(({ code, errno }) => code === 'ESTALE' && errno === 116))
  })

  it('explains what Node.js knows where there is no addon', () => {
    setBinding(
      new Proxy({} as never, {
        get() {
          throw new Error('no addon')
        },
      }),
    )
    try {
      assert.equal(explain('EBUSY')?.errno, 16)
      assert.equal(explain('EDQUOT')?.errno, 122)
    } finally {
      setBinding(undefined)
    }
  })

  it('remedies for people at a shell, and for what is in /proc', () => {
    assert.equal(
      describeError(new SyscallError('ENOENT', 'open', { path: '/proc/x' })).remedy?.slice(0, 8),
      'Mount it',
    )
    assert.doesNotMatch(describeError(new SyscallError('EROFS', 'mkdir')).remedy ?? '{', /[{}]/)
  })

  it('explains numbers and names of errnos, and refuses what is none', () => {
    assert.equal(explain('16')?.code, 'EBUSY')
    assert.equal(explain('-16')?.code, 'EBUSY')
    assert.equal(explain('EOPNOTSUPP')?.errno, 95)
    assert.equal(explain('enotty')?.errno, 25)
    // Such as libuv has no name for.
    assert.equal(explain('122')?.code, 'EDQUOT')
    assert.equal(explain('EUCLEAN')?.errno, 117)
    assert.equal(explain('EDEADLOCK')?.code, 'EDEADLK')
    assert.equal(explain('ERR_USAGE')?.code, 'ERR_USAGE')
    for (const word of ['', '0', '4095', 'EFOO', 'ERR_FOO', 'busy'])
      assert.equal(explain(word), undefined, word)
  })
})
