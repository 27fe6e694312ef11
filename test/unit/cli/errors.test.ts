import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { GraphDriverError, SyscallError } from 'graphdriver'
import { CODES } from '#lib/cli/codes.js'
import { describe as describeError, errorText, inWordsOfTheCommand } from '#lib/cli/describe.js'
import { explain } from '#lib/cli/explain.js'

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

  it('explains numbers and names of errnos, and refuses what is none', () => {
    assert.equal(explain('16')?.code, 'EBUSY')
    assert.equal(explain('-16')?.code, 'EBUSY')
    assert.equal(explain('EOPNOTSUPP')?.errno, 95)
    assert.equal(explain('enotty')?.errno, 25)
    for (const word of ['', '0', '4095', 'EFOO', 'ERR_FOO', 'busy'])
      assert.equal(explain(word), undefined, word)
  })
})
