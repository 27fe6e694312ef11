import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'

import { Mountinfo, mountinfo, mountinfoSync, unescapeBytes } from 'graphdriver/sys'
import { kernelEscape, lineOf, tableOf } from './table.ts'
import type { Line } from './table.ts'

/** Text of one character a byte: what a name on disk may hold. */
const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 30 })
  .map((array) => Buffer.from(array.map((byte) => byte || 1)).toString('latin1'))

function one(line: Partial<Line>): NonNullable<ReturnType<Mountinfo['at']>> {
  const entry = new Mountinfo(tableOf([{ id: 1, parent: 0, mountPoint: '/', ...line }])).at(0)
  assert(entry)
  return entry
}

describe('mountinfo', () => {
  describe('unescapeBytes', () => {
    it('undoes what the kernel escapes', () => {
      assert.equal(unescapeBytes('a\\040b\\011c\\012d\\134e\\043'), 'a b\tc\nd\\e#')
    })
    it('leaves alone what is no escape', () => {
      assert.equal(unescapeBytes('\\04 \\8 \\999 \\400 \\'), '\\04 \\8 \\999 \\400 \\')
    })
    it('does not undo twice', () => {
      assert.equal(unescapeBytes('\\134040'), '\\040')
    })
    it('is the inverse of the kernel for any bytes', () => {
      fc.assert(fc.property(bytes, (text) => unescapeBytes(kernelEscape(text, '#')) === text))
    })
  })

  describe('a mount', () => {
    it('decodes names as UTF-8, and gives bytes exactly when they are none', () => {
      const fine = one({ mountPoint: Buffer.from('/mnt/é ü').toString('latin1') })
      assert.equal(fine.mountPoint, '/mnt/é ü')
      assert.equal(fine.mountPointBytes, undefined)
      const strange = one({ mountPoint: '/mnt/\xff\\x', root: '/\xfe', source: '\xfd' })
      assert.equal(strange.mountPoint, '/mnt/\ufffd\\x')
      assert.deepEqual(strange.mountPointBytes, Buffer.from('/mnt/\xff\\x', 'latin1'))
      assert.deepEqual(strange.rootBytes, Buffer.from('/\xfe', 'latin1'))
      assert.deepEqual(strange.sourceBytes, Buffer.from('\xfd', 'latin1'))
      assert.equal(strange.mountPointLatin1, '/mnt/\xff\\x')
    })
    it("keeps the escapes of the filesystem's options, where a comma may be part of a value", () => {
      const superOptions = 'rw,lowerdir=/a\\134:b:/c\\134\\054d'
      assert.equal(one({ superOptions }).superOptions, superOptions)
    })
    it('has an empty source, and a root that is gone', () => {
      const entry = one({ source: '', root: '/gone//deleted' })
      assert.equal(entry.source, '')
      assert.equal(entry.root, '/gone//deleted')
    })
    it('reads the optional fields', () => {
      const all = one({
        optional: ['shared:12', 'master:3', 'propagate_from:2', 'unbindable', 'new:1', 'odd'],
      })
      assert.deepEqual(all.propagation, {
        shared: 12,
        master: 3,
        propagateFrom: 2,
        unbindable: true,
        others: ['new:1', 'odd'],
      })
      assert.deepEqual(one({}).propagation, { unbindable: false, others: [] })
      assert.deepEqual(one({ optional: ['shared:x'] }).propagation.others, ['shared:x'])
    })
    it('becomes plain data, with bytes only where they are needed', () => {
      assert.deepEqual(
        one({ id: 9, parent: 8, major: 7, minor: 6, mountPoint: '/x', root: '/\xff' }).toJSON(),
        {
          id: 9,
          parent: 8,
          major: 7,
          minor: 6,
          root: '/\ufffd',
          rootBytes: Buffer.from('/\xff', 'latin1'),
          mountPoint: '/x',
          options: 'rw',
          propagation: { unbindable: false, others: [] },
          type: 'tmpfs',
          source: 'none',
          superOptions: 'rw',
        },
      )
    })
  })

  describe('a table', () => {
    const table = new Mountinfo(
      tableOf([
        { id: 1, parent: 0, mountPoint: '/' },
        { id: 2, parent: 1, mountPoint: '/a' },
        { id: 3, parent: 2, mountPoint: '/a' },
        { id: 4, parent: 1, mountPoint: '/\xff' },
      ]),
    )
    it('counts, indexes and iterates', () => {
      assert.equal(table.length, 4)
      assert.equal(table.at(0)?.id, 1)
      assert.equal(table.at(-1)?.id, 4)
      assert.equal(table.at(4), undefined)
      assert.equal(table.at(-5), undefined)
      assert.equal(table.at(0.5), undefined)
      assert.deepEqual(
        Array.from(table, (entry) => entry.id),
        [1, 2, 3, 4],
      )
      assert.equal(table.toJSON().length, 4)
    })
    it('finds by id and by mount point, bytes too', () => {
      assert.equal(table.byId(3)?.parent, 2)
      assert.equal(table.byId(9), undefined)
      assert.equal(table.byMountPoint('/')?.id, 1)
      assert.equal(table.byMountPoint(Buffer.from('/\xff', 'latin1'))?.id, 4)
      assert.equal(table.byMountPoint('/b'), undefined)
    })
    it('finds the topmost of several, whatever the order of the table', () => {
      const stack = [
        { id: 2, parent: 1, mountPoint: '/a' },
        { id: 3, parent: 2, mountPoint: '/a' },
        { id: 4, parent: 3, mountPoint: '/a' },
      ]
      fc.assert(
        fc.property(fc.shuffledSubarray(stack, { minLength: 3 }), (lines) => {
          assert.equal(new Mountinfo(tableOf(lines)).byMountPoint('/a')?.id, 4)
        }),
      )
    })
  })

  describe('read from a file', () => {
    let directory: string
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'mountinfo-'))
    })
    after(() => {
      rmSync(directory, { recursive: true })
    })
    function file(text: string): string {
      const path = join(directory, 'mountinfo')
      writeFileSync(path, text, 'latin1')
      return path
    }

    it('is what was written, for any names', () => {
      const words = fc.array(
        fc.constantFrom('shared:1', 'master:22', 'propagate_from:3', 'unbindable', 'x:y'),
        { maxLength: 3 },
      )
      const id = fc.nat(2 ** 31 - 1)
      const line = fc.record({
        id,
        parent: id,
        major: fc.nat(4095),
        minor: fc.nat(1048575),
        root: bytes,
        mountPoint: bytes,
        type: bytes,
        source: fc.oneof(bytes, fc.constant('')),
        optional: words,
      })
      const lines = fc.uniqueArray(line, { minLength: 1, maxLength: 5, selector: ({ id }) => id })
      fc.assert(
        fc.property(lines, (lines) => {
          const read = mountinfoSync(file(lines.map(lineOf).join('')))
          assert.deepEqual(read.toJSON(), new Mountinfo(tableOf(lines)).toJSON())
        }),
      )
    })
    it('takes lines longer than a page', () => {
      const lines = [
        { id: 1, parent: 0, mountPoint: '/a', superOptions: `rw,lowerdir=${'/layer:'.repeat(9000)}` },
        { id: 2, parent: 0, mountPoint: '/b' },
      ]
      const read = mountinfoSync(file(lines.map(lineOf).join('')))
      assert.equal(read.length, 2)
      assert.equal(read.at(0)?.superOptions, lines[0]?.superOptions)
    })
    it('takes an empty file', () => {
      assert.equal(mountinfoSync(file('')).length, 0)
    })
    it('shows a mount once that the kernel showed twice', () => {
      const [a, b] = [
        { id: 2, parent: 1, mountPoint: '/a' },
        { id: 3, parent: 1, mountPoint: '/b' },
      ]
      const read = mountinfoSync(file([a, a, b, a].map(lineOf).join('')))
      assert.deepEqual(
        Array.from(read, (entry) => entry.id),
        [2, 3],
      )
    })
    it('leaves out a line that is no mount', () => {
      const good = lineOf({ id: 5, parent: 1, mountPoint: '/a' })
      for (const bad of [
        'x\n',
        '1 2 3\n',
        '\n',
        '1 2 0:1 / /a rw tmpfs none rw\n',
        'a b 0:1 / /a rw - t s rw\n',
      ]) {
        assert.deepEqual(
          Array.from(mountinfoSync(file(good + bad)), (entry) => entry.id),
          [5],
          bad,
        )
        assert.equal(mountinfoSync(file(bad + good)).at(0)?.mountPoint, '/a')
      }
    })
    it('is the table of the process where no file is named', async () => {
      const table = await mountinfo()
      assert(table.length > 0)
      assert.equal(table.byMountPoint('/')?.mountPoint, '/')
      assert.deepEqual(table.toJSON(), mountinfoSync('/proc/self/mountinfo').toJSON())
    })
    it('says which file is missing', async () => {
      await assert.rejects(mountinfo('/proc/nothing'), {
        code: 'ENOENT',
        syscall: 'open',
        path: '/proc/nothing',
      })
    })
  })
})
