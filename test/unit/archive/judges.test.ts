import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'

import { buildGoLister } from '../../kernel/archive/judges/listing.ts'
import { expectRun, itJudged, lines, run, scratch } from '../../kernel/archive/judges/tools.ts'
import { write } from './support.ts'
import { writings } from './vectors/index.ts'
import type { Listed } from './vectors/index.ts'

const flags = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const

/** An entry as lister.go has it. */
function expected(entry: Listed): unknown {
  const seconds = entry.mtime / 1_000_000_000n - (entry.mtime % 1_000_000_000n < 0n ? 1n : 0n)
  const base64 = (bytes: Buffer | undefined): string => bytes?.toString('base64') ?? ''
  // Go knows nothing of the codes for "%" and "=".
  const key = (name: string): string => name.replaceAll('%', '%25').replaceAll('=', '%3D')
  return {
    Name: base64(entry.name),
    Type: flags[entry.type],
    Mode: entry.mode,
    UID: entry.uid,
    GID: entry.gid,
    Size: entry.size,
    Seconds: Number(seconds),
    Nanos: Number(entry.mtime - seconds * 1_000_000_000n),
    Link: base64(entry.linkname),
    Major: entry.major,
    Minor: entry.minor,
    Xattrs: [...entry.xattrs]
      .map(([name, value]) => [Buffer.from(key(name), 'latin1').toString('base64'), base64(value)])
      .sort(),
    SHA256: createHash('sha256').update(entry.body).digest('hex'),
  }
}

interface GoXattrs {
  Xattrs: { Name: string; Value: string }[]
}

function sorted(line: string): unknown {
  const entry = JSON.parse(line) as GoXattrs
  return { ...entry, Xattrs: entry.Xattrs.map(({ Name, Value }) => [Name, Value]).sort() }
}

/** All that is written in the vectors, one behind the other, and its tar; names each a different one. */
const all = writings.flatMap(({ entries }) => entries)
const listed = writings.flatMap(({ list }) => list ?? [])

describe('archive judges', () => {
  const at = scratch('entries', 'suite')
  let tar: string
  before(async () => {
    tar = at('all.tar')
    writeFileSync(tar, await write(all))
  })

  itJudged(['go'], 'archive/tar sees what was written, all of it', () => {
    const [command, ...args] = buildGoLister(at('go'))
    const output = expectRun(command, [...args, tar])
    const found = lines(output).map(sorted)
    for (const [i, entry] of listed.entries()) assert.deepEqual(found[i], expected(entry), `entry ${i}`)
    assert.equal(found.length, listed.length)
  })
  itJudged(['tar'], 'GNU tar lists the same names, without a warning', () => {
    const verbose = run('tar', ['--warning=all', '--absolute-names', '-tvvf', tar])
    assert.deepEqual([verbose.status, verbose.complaints], [0, []])
    assert.equal(lines(verbose.output).length, listed.length)
    const names = expectRun('tar', ['--quoting-style=escape', '--absolute-names', '-tf', tar])
    assert.deepEqual(
      lines(names),
      listed.map(({ name }) => escaped(name)),
    )
  })
  itJudged(['bsdtar'], 'bsdtar lists the same names', async () => {
    // Its PAX values are UTF-8, or it complains: a long name that is no text is none of its business.
    const mine = writings.filter(({ list }) =>
      list?.every(({ name, linkname, mtime }) => fine(name) && fine(linkname) && hasYear(mtime)),
    )
    writeFileSync(at('bsdtar.tar'), await write(mine.flatMap(({ entries }) => entries)))
    const { status, output, complaints } = run('bsdtar', ['-tf', at('bsdtar.tar')])
    assert.deepEqual([status, complaints], [0, []])
    const names = mine.flatMap(({ list }) => list ?? []).map(({ name }) => escaped(name))
    assert.deepEqual(lines(output), names)
    assert.equal(lines(expectRun('bsdtar', ['-tvf', at('bsdtar.tar')])).length, names.length)
  })
})

function fine(name: Buffer | undefined): boolean {
  return name === undefined || name.length <= 100 || isUtf8(name)
}

/** It shows times by localtime(3), and crashes where a year has more than 32 bits. */
function hasYear(mtime: bigint): boolean {
  const most = 2n ** 31n * 31_556_952n * 1_000_000_000n
  return mtime > -most && mtime < most
}

/** As both write it: text as it is, else octal, and newlines as in C. */
function escaped(name: Buffer): string {
  if (isUtf8(name) && !/[\n\x7f]/.test(name.toString())) return name.toString('latin1')
  return name
    .toString('latin1')
    .replace(/\n/g, '\\n')
    .replace(/[\x7f-\xff]/g, (byte) => `\\${byte.charCodeAt(0).toString(8)}`)
}
