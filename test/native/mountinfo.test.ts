import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

import { MountinfoField as Field } from '#lib/sys/native.js'
import type { FlatMountinfo } from '#lib/sys/native.js'

import { LONG } from '../figures.ts'
import { itMounts, native, scratch, seeded } from './support.ts'

interface Row {
  id: number
  parent: number
  device: string
  root: string
  mountPoint: string
  options: string
  optional: string
  type: string
  source: string
  superOptions: string
}

function rowsOf({ rows, text }: FlatMountinfo): Row[] {
  assert.equal(rows.length % Field.row, 0)
  return Array.from({ length: rows.length / Field.row }, (_, index) => {
    const row = rows.subarray(index * Field.row, (index + 1) * Field.row)
    const slice = (field: number): string => {
      const [start, end] = [row[field]!, row[field + 1]!]
      assert.ok(start >= 0 && start <= end && end <= text.length, `${start} ${end}`)
      return text.slice(start, end)
    }
    return {
      id: row[Field.id]!,
      parent: row[Field.parent]!,
      device: `${row[Field.major]!}:${row[Field.minor]!}`,
      root: slice(Field.root),
      mountPoint: slice(Field.mountPoint),
      options: slice(Field.options),
      optional: slice(Field.optional),
      type: slice(Field.type),
      source: slice(Field.source),
      superOptions: slice(Field.superOptions),
    }
  })
}

/** A row as a line of the file. */
function lineOf(row: Row): string {
  const optional = row.optional === '' ? '' : `${row.optional} `
  return (
    `${row.id} ${row.parent} ${row.device} ${row.root} ${row.mountPoint} ${row.options} ${optional}- ` +
    `${row.type} ${row.source} ${row.superOptions}`
  )
}

/** Numbers that begin with zeros are read as numbers. */
function withoutZeros(line: string): string {
  return line.replace(/^0*(\d+) 0*(\d+) 0*(\d+):0*(\d+) /, '$1 $2 $3:$4 ')
}

const usual = '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue'

describe('native: mountinfo', () => {
  const { at } = scratch()

  function parse(content: string | Buffer): Row[] {
    const file = at('table')
    writeFileSync(file, typeof content === 'string' ? Buffer.from(content, 'latin1') : content)
    const table = native.mountinfoSync(file)
    assert.ok(typeof table !== 'number', JSON.stringify(table))
    assert.equal(table.text, readFileSync(file, 'latin1'))
    return rowsOf(table)
  }

  it('reads the example of proc(5)', () => {
    assert.deepEqual(parse(`${usual}\n`), [
      {
        id: 36,
        parent: 35,
        device: '98:0',
        root: '/mnt1',
        mountPoint: '/mnt2',
        options: 'rw,noatime',
        optional: 'master:1',
        type: 'ext3',
        source: '/dev/root',
        superOptions: 'rw,errors=continue',
      },
    ])
  })

  const odd: [string, string, Partial<Row>][] = [
    ['an empty source', '1 2 0:3 / /a rw - tmpfs  rw', { source: '', type: 'tmpfs', superOptions: 'rw' }],
    ['a source that is a hyphen', '1 2 0:3 / /a rw - tmpfs - rw', { source: '-', superOptions: 'rw' }],
    ['a root that was removed', '1 2 8:1 /x//deleted /a rw shared:1 - ext4 /dev/sda1 rw', { root: '/x//deleted' }],
    ['escapes, as they are', '1 2 0:3 / /a\\040b\\011c\\012d\\134e rw - fuse \\043x rw', {
      mountPoint: '/a\\040b\\011c\\012d\\134e',
      source: '\\043x',
    }],
    ['several optional fields', '1 2 0:3 / /a rw shared:7 master:2 propagate_from:3 unbindable new:9 - x y rw', {
      optional: 'shared:7 master:2 propagate_from:3 unbindable new:9',
    }],
    ['spaces in the last field', '1 2 0:3 / /a rw - cifs //h/s rw,name=a b c', { superOptions: 'rw,name=a b c' }],
    ['names that are no UTF-8', '1 2 0:3 / /\xff\xfe\x80 rw - tmpfs \xe4 rw', { mountPoint: '/\xff\xfe\x80', source: '\xe4' }],
    ['the largest numbers', '2147483647 2147483646 4095:1048575 / /a rw - x y rw', {
      id: 2147483647,
      parent: 2147483646,
      device: '4095:1048575',
    }],
    ['a line of 10,000 bytes', `1 2 0:3 / /a rw - overlay overlay rw,lowerdir=${'/layer:'.repeat(1430)}`, {
      superOptions: `rw,lowerdir=${'/layer:'.repeat(1430)}`,
    }],
    ['an empty mount point', '1 2 0:3 /  rw - x y rw', { mountPoint: '' }],
  ]
  for (const [title, line, expected] of odd) {
    it(`${title}, alone and between others`, () => {
      for (const rows of [parse(line), parse(`${usual}\n${line}\n1000 1 0:9 / /z rw - x y rw\n`).slice(1, 2)]) {
        assert.equal(rows.length, 1)
        assert.equal(lineOf(rows[0]!), line)
        assert.deepEqual({ ...rows[0]!, ...expected }, rows[0])
      }
    })
  }

  it('leaves out what is no line of a mount table, and keeps the rest', () => {
    const bad = [
      '',
      ' ',
      '-',
      'x',
      '1',
      '1 2',
      '1 2 0:3',
      '1 2 0:3 / /a rw',
      '1 2 0:3 / /a rw -',
      '1 2 0:3 / /a rw - tmpfs',
      '1 2 0:3 / /a rw - tmpfs none',
      '1 2 0:3 / /a rw - tmpfs none ',
      '1 2 0:3 / /a rw shared:1 tmpfs none rw',
      'a 2 0:3 / /a rw - x y rw',
      '1 b 0:3 / /a rw - x y rw',
      '1 2 0 / /a rw - x y rw',
      '1 2 0:x / /a rw - x y rw',
      '1  2 0:3 / /a rw - x y rw',
      '-1 2 0:3 / /a rw - x y rw',
      '2147483648 2 0:3 / /a rw - x y rw',
      '99999999999999999999999 2 0:3 / /a rw - x y rw',
      '\0'.repeat(100),
    ]
    for (const line of bad) {
      assert.equal(parse(`${usual}\n${line}\n7 1 0:9 / /z rw - x y rw`).map((row) => row.id).join(), '36,7', line)
      assert.equal(parse(line).length, 0, line)
    }
  })

  it('an empty file is an empty table', () => {
    assert.deepEqual(parse(''), [])
    assert.deepEqual(parse('\n'), [])
    assert.deepEqual(parse('\n\n\n'), [])
  })

  it('gives a mount once, however often the kernel repeats it', () => {
    const lines = Array.from({ length: 3000 }, (_, index) => `${index % 1000} 1 0:3 / /${index} rw - x y rw`)
    const rows = parse(lines.join('\n'))
    assert.equal(rows.length, 1000)
    rows.forEach((row, index) => {
      assert.equal(row.mountPoint, `/${index}`)
    })
  })

  it('cut anywhere, a table gives the whole lines before the cut', () => {
    const table = Buffer.from(`${usual}\n7 1 0:9 / /z rw shared:1 - x y rw\n`)
    for (let size = 0; size <= table.length; size++) {
      const rows = parse(table.subarray(0, size))
      assert.ok(rows.length <= 2)
      if (size > usual.length) assert.equal(lineOf(rows[0]!), usual)
    }
  })

  it('survives what is no mount table at all (seeded mutations)', function () {
    const random = seeded(0x6d6e74)
    const pick = (below: number): number => Math.floor(random() * below)
    const base = Buffer.from([usual, ...odd.map(([, line]) => line)].join('\n'), 'latin1').subarray(0, 1200)
    const rounds = LONG ? 1_000_000 : 2000
    this.timeout(60_000 + rounds * 2)
    const telling = [' ', ' - ', '-', '\n', ':', '0', '9', '\0', '\xff']
    for (let round = 0; round < rounds; round++) {
      let bytes = Buffer.from(base.subarray(pick(base.length), base.length))
      for (let change = pick(12); change > 0; change--) {
        const place = pick(bytes.length + 1)
        const insert = Buffer.from(random() < 0.7 ? telling[pick(telling.length)]! : String(random()), 'latin1')
        bytes = Buffer.concat([bytes.subarray(0, place), insert, bytes.subarray(place + pick(4))])
      }
      for (const row of parse(bytes)) {
        const lines = bytes.toString('latin1').split('\n').map(withoutZeros)
        assert.ok(lines.includes(lineOf(row)) || row.optional === '', lineOf(row))
      }
    }
  })

  it('reads this process’s own table, as the kernel shows it', async () => {
    const [sync, promised] = [native.mountinfoSync(null), await native.mountinfo(null)]
    assert.ok(typeof sync !== 'number' && typeof promised !== 'number')
    assert.deepEqual(promised, sync)
    assert.equal(`${rowsOf(sync).map(lineOf).join('\n')}\n`, readFileSync('/proc/self/mountinfo', 'latin1'))
  })

  it('answers the errno of a file that cannot be read', () => {
    assert.equal(native.mountinfoSync('/no/such'), -native.errnos['ENOENT']!)
    assert.equal(native.mountinfoSync('/proc'), -native.errnos['EISDIR']!)
    assert.equal(native.mountinfoSync('/proc/self/mountinfo/x'), -native.errnos['ENOTDIR']!)
  })

  itMounts('is whole while mounts come and go', async () => {
    const targets = Array.from({ length: 200 }, (_, index) => at(`m${index}`))
    for (const target of targets) {
      mkdirSync(target)
      assert.equal(native.mountSync('none', target, 'tmpfs', 0, null), 0)
    }
    const extra = at('extra')
    mkdirSync(extra)
    for (let turn = 0; turn < 30; turn++) {
      const changes = (async () => {
        for (let each = 0; each < 5; each++) {
          await native.mount('none', extra, 'tmpfs', 0, null)
          await native.umount2(extra, 0)
        }
      })()
      const table = await native.mountinfo(null)
      assert.ok(typeof table !== 'number')
      const points = new Set(rowsOf(table).map((row) => row.mountPoint))
      assert.deepEqual(
        targets.filter((target) => !points.has(target)),
        [],
      )
      await changes
    }
    for (const target of targets) {
      assert.equal(native.umount2Sync(target, 0), 0)
      rmdirSync(target)
    }
  })
})
