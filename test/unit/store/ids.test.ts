import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { checkLayerId, isLayerId } from '#lib/store/ids.js'
import { withCode } from './support.ts'

describe('layer ids', () => {
  const good = [
    'a',
    '0',
    'A-b_c.d',
    'a'.repeat(128),
    'f'.repeat(64),
    'x-init',
    'removing',
    'x-removing-',
    'a..b',
    '1.2.3',
  ]
  const bad = [
    '',
    '.',
    '..',
    '.a',
    '-a',
    '_a',
    'a/b',
    '/a',
    'a/',
    'a b',
    'a\nb',
    'a\n',
    'a\0',
    'ä',
    'a:b',
    'a,b',
    'a=b',
    '\u{1f600}',
    'a'.repeat(129),
    'a'.repeat(300),
    'x-removing',
    '-removing',
    '.new-a',
    '.gone-a',
  ]

  for (const id of good) {
    it(`takes ${JSON.stringify(id.slice(0, 30))}`, () => {
      assert.equal(isLayerId(id), true)
      checkLayerId(id)
    })
  }
  for (const id of bad) {
    it(`refuses ${JSON.stringify(id.slice(0, 30))} (${String(id.length)} characters)`, () => {
      assert.equal(isLayerId(id), false)
      assert.throws(() => {
        checkLayerId(id)
      }, withCode('ERR_INVALID_LAYER_ID'))
    })
  }
  for (const value of [undefined, null, 1, {}, ['a'], Buffer.from('a')]) {
    it(`refuses ${inspect(value)} as an argument`, () => {
      assert.throws(() => {
        checkLayerId(value)
      }, withCode('ERR_INVALID_ARG_TYPE'))
    })
  }
  it('never takes what would leave its directory, or be another name in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 140 }), (text) => {
        if (!isLayerId(text)) return
        assert.equal(text.includes('/') || text.includes('\0') || text.startsWith('.'), false)
        assert.ok(Buffer.byteLength(text) <= 128)
      }),
    )
  })
  it('says at most 140 characters of an id', () => {
    assert.throws(
      () => {
        checkLayerId('/'.repeat(1000))
      },
      ({ message }: Error) => message.includes('(1000 characters)') && message.length < 400,
    )
  })
})
