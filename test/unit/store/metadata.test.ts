import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  formatChain,
  isLayerId,
  metadataMode,
  parseChain,
  readChain,
  readIds,
  readParent,
} from '#lib/store/index.js'
import { readIntents } from '#lib/store/metadata.js'
import { plant, scratch, withCode } from './support.ts'

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,20}$/).filter(isLayerId)
const chain = fc.uniqueArray(id, { maxLength: 30 })

describe('the metadata of layers', () => {
  describe('parseChain', () => {
    it('gives back what formatChain wrote', () => {
      fc.assert(
        fc.property(chain, id, (ancestors, own) => {
          fc.pre(!ancestors.includes(own))
          assert.deepEqual(parseChain(own, formatChain(ancestors)), ancestors)
        }),
      )
    })
    it('answers distinct valid ids, or what is wrong, for any text', () => {
      const text = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc
          .array(fc.oneof(id, fc.constantFrom('', 'own', '..', 'a b', '\r')))
          .map((lines) => lines.join('\n')),
      )
      fc.assert(
        fc.property(text, (any) => {
          const parsed = parseChain('own', any)
          if (!Array.isArray(parsed)) {
            assert.notEqual(parsed.fault, '')
            return
          }
          assert.ok(parsed.every(isLayerId))
          assert.equal(new Set([...parsed, 'own']).size, parsed.length + 1)
          assert.equal(formatChain(parsed), any.replace(/\n+/g, '\n').replace(/^\n/, ''))
        }),
      )
    })
    it('finds every cut within a line', () => {
      fc.assert(
        fc.property(chain, fc.nat(), (ancestors, at) => {
          const text = formatChain(ancestors)
          const cut = text.slice(0, at % (text.length + 1))
          fc.pre(cut !== '' && !cut.endsWith('\n'))
          assert.equal(Array.isArray(parseChain('own', cut)), false)
        }),
      )
    })
    it('finds circles', () => {
      for (const text of ['own\n', 'a\nown\n', 'a\nb\na\n']) {
        assert.match(JSON.stringify(parseChain('own', text)), /circle/)
      }
    })
    it('ignores blank lines, as Docker does', () => {
      assert.deepEqual(parseChain('own', '\na\n\nb\n\n'), ['a', 'b'])
    })
  })

  describe('on disk', () => {
    const directory = scratch()
    const store = { 'layers/a': '', 'layers/b': 'a\n', 'layers/c': 'b\na\n', 'layers/d': 'c\nb\na\n' }

    it('are read', async () => {
      const layout = plant(directory.path, store)
      assert.deepEqual(await readChain(layout, 'a'), [])
      assert.deepEqual(await readChain(layout, 'd'), ['c', 'b', 'a'])
      assert.equal(await readParent(layout, 'd'), 'c')
      assert.equal(await readParent(layout, 'a'), undefined)
      assert.equal(await readParent(layout, 'none'), undefined)
      await assert.rejects(readChain(layout, 'none'), withCode('ERR_LAYER_NOT_FOUND'))
    })
    it('are listed by bytes, intents and strange names left out', async () => {
      const odd = [
        'layers/.new-x',
        'layers/.gone-y',
        'layers/.hidden',
        'layers/z-removing',
        'layers/a b',
        'layers/.new-',
      ]
      const layout = plant(directory.path, {
        ...store,
        'layers/B': '',
        ...Object.fromEntries(odd.map((name) => [name, ''])),
      })
      assert.deepEqual(await readIds(layout), ['B', 'a', 'b', 'c', 'd'])
      const intents = await readIntents(layout)
      assert.deepEqual(
        intents.sort((x, y) => (x.id < y.id ? -1 : 1)),
        [
          { kind: 'new', id: 'x' },
          { kind: 'gone', id: 'y' },
        ],
      )
    })
    it('that were cut anywhere are corrupt, between two lines too', async () => {
      const layout = plant(directory.path, store)
      for (let length = 1; length < 'c\nb\na\n'.length; length++) {
        writeFileSync(layout.metadata('d'), 'c\nb\na\n'.slice(0, length))
        await assert.rejects(
          readChain(layout, 'd'),
          withCode('ERR_LAYER_CORRUPT'),
          `cut to ${String(length)}`,
        )
      }
    })
    it('that were cut to nothing are corrupt', async () => {
      const layout = plant(directory.path, { 'layers/a': '' })
      writeFileSync(layout.metadata('b'), 'a\n', { mode: metadataMode(['a']) })
      assert.deepEqual(await readChain(layout, 'b'), ['a'])
      // An ordinary user may not write to it, and the mode itself tells how much there was.
      chmodSync(layout.metadata('b'), 0o600)
      truncateSync(layout.metadata('b'))
      chmodSync(layout.metadata('b'), metadataMode(['a']))
      await assert.rejects(readChain(layout, 'b'), withCode('ERR_LAYER_CORRUPT'))
      await assert.rejects(readParent(layout, 'b'), withCode('ERR_LAYER_CORRUPT'))
    })
    it('that name other ancestors than the parent has are corrupt', async () => {
      const layout = plant(directory.path, {
        ...store,
        'layers/e': 'c\na\nb\n',
        'layers/f': 'none\n',
        'layers/g': 'a\nb\n',
      })
      for (const layer of ['e', 'f', 'g']) {
        await assert.rejects(readChain(layout, layer), withCode('ERR_LAYER_CORRUPT'), layer)
      }
    })
    it('that are binary, circular, a directory, a link or too long are corrupt', async () => {
      const layout = plant(directory.path, {
        ...store,
        'layers/binary': '\0\x01\xff\n',
        'layers/circle': 'circle\n',
        'layers/long': 'x\n'.repeat(300_000),
      })
      mkdirSync(layout.metadata('directory'))
      symlinkSync('a', layout.metadata('link'))
      for (const layer of ['binary', 'circle', 'long', 'directory', 'link']) {
        await assert.rejects(readChain(layout, layer), withCode('ERR_LAYER_CORRUPT'), layer)
      }
    })
  })
})
