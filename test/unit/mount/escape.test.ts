import assert from 'node:assert/strict'
import fc from 'fast-check'

import { escapeLowerdir, escapeUpperdir, joinLowerdirs, splitLowerdirs } from 'graphdriver/mount'

/** As the kernel splits mount data: at each comma that no backslash is before (ovl_next_opt). */
function kernelWords(data: string): string[] {
  const words: string[] = []
  let word = ''
  for (let at = 0; at < data.length; at++) {
    if (data[at] === ',') {
      words.push(word)
      word = ''
    } else {
      word += data.charAt(at)
      if (data[at] === '\\' && at + 1 < data.length) word += data.charAt(++at)
    }
  }
  return [...words, word]
}

/** As the kernel splits lowerdir: at each colon that no backslash is before, the backslashes taken away. */
function kernelLayers(value: string): string[] {
  const layers = ['']
  for (let at = 0; at < value.length; at++) {
    if (value[at] === ':') layers.push('')
    else layers.push((layers.pop() ?? '') + value.charAt(value[at] === '\\' ? ++at : at))
  }
  return layers
}

/** As the kernel reads upperdir: the backslashes taken away. */
function kernelPath(value: string): string {
  return value.replace(/\\(.)/gsu, '$1')
}

const path = fc
  .array(
    fc.oneof(
      fc.constantFrom('\\', ':', ',', '/', 'a', ' ', '\n', 'é'),
      fc.string({ unit: 'grapheme', maxLength: 3 }),
    ),
    { minLength: 1 },
  )
  .map((parts) => `/${parts.join('').replaceAll('\0', '')}`)

describe('paths in the data of an overlay', () => {
  it('come out of the kernel as they went in', () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 1 }), path, path, (lowers, upper, work) => {
        const words = [
          `lowerdir=${joinLowerdirs(lowers)}`,
          `upperdir=${escapeUpperdir(upper)}`,
          `workdir=${escapeUpperdir(work)}`,
        ]
        const split = kernelWords(words.join(','))
        assert.deepEqual(split, words)
        assert.deepEqual(kernelLayers(split[0]!.slice('lowerdir='.length)), lowers)
        assert.equal(kernelPath(split[1]!.slice('upperdir='.length)), upper)
        assert.equal(kernelPath(split[2]!.slice('workdir='.length)), work)
      }),
    )
  })
  it('are escaped only where it is needed', () => {
    assert.equal(escapeLowerdir('/a:b,c\\d e=f'), '/a\\:b\\,c\\\\d e=f')
    assert.equal(escapeUpperdir('/a:b,c\\d e=f'), '/a:b\\,c\\\\d e=f')
  })
  it('come apart again', () => {
    fc.assert(
      fc.property(fc.array(path, { minLength: 1 }), (lowers) => {
        assert.deepEqual(splitLowerdirs(joinLowerdirs(lowers)), lowers)
      }),
    )
  })
  it('are refused when they are no paths', () => {
    assert.throws(() => escapeLowerdir(''), { code: 'ERR_INVALID_ARG_VALUE' })
    assert.throws(() => escapeUpperdir('/a\0'), { code: 'ERR_INVALID_ARG_VALUE' })
  })
})
