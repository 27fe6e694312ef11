import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { itUnless } from '../skip.ts'
import { itLong, root } from './user.ts'

/** The libraries of a C library's symbols, with the versions that each has. */
function versions(libraries: string[]): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const library of libraries) {
    const { stdout } = spawnSync('readelf', ['--dyn-syms', '--wide', library], { encoding: 'utf8' })
    for (const line of stdout.split('\n')) {
      const [, , , , , , index, symbol] = line.trim().split(/\s+/)
      if (symbol === undefined || index === 'UND') continue
      const [name, version] = symbol.split(/@+/)
      found.set(name!, [...(found.get(name!) ?? []), version ?? ''])
    }
  }
  return found
}

/** Is this version of glibc's, GLIBC_2.17 say, one that 2.28 has? */
function old(version: string): boolean {
  const minor = /^GLIBC_2\.(\d+)/.exec(version)?.[1]
  return minor !== undefined && Number(minor) <= 28
}

describe('one binary for every C library', () => {
  const list = readFileSync(join(root, 'scripts/checks/symbols.txt'), 'utf8').split('\n')
  const lines = list.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
  const wanted = lines.filter((line) => !line.startsWith('weak '))

  const libraries: Array<[name: string, directory: string]> = [
    ['x64', '/lib/x86_64-linux-gnu'],
    ['arm64', '/usr/aarch64-linux-gnu/lib'],
    ['arm64', '/lib/aarch64-linux-gnu'],
  ]
  for (const [processor, directory] of libraries) {
    const files = ['libc.so.6', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'].map((name) =>
      join(directory, name),
    )
    const there = files.filter((file) => existsSync(file))
    if (there.length === 0) continue
    it(`what it may ask for is in glibc 2.28 on ${processor} (${directory})`, () => {
      const found = versions(there)
      assert.ok(found.size > 1000, `${directory}: only ${String(found.size)} symbols read`)
      assert.deepEqual(
        wanted.filter((name) => !(found.get(name) ?? []).some(old)),
        [],
      )
    })
  }

  const musl = ['/lib/ld-musl-x86_64.so.1', '/lib/ld-musl-aarch64.so.1'].find((file) => existsSync(file))
  const missing = musl === undefined ? 'musl is missing: apt-get install musl' : undefined
  itUnless(missing, 'what it may ask for is in musl', () => {
    const found = versions([musl!])
    assert.deepEqual(
      wanted.filter((name) => !found.has(name)),
      [],
    )
  })
})

describe('the binaries that ship', () => {
  let work: string

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'prebuild-'))
  })
  after(() => {
    rmSync(work, { recursive: true })
  })

  /** A checkout at another place, whose copy of node-addon-api lies there too: its path must not get into the binary. */
  function checkout(name: string): string {
    const copy = join(work, name)
    mkdirSync(join(copy, 'node_modules'), { recursive: true })
    for (const part of ['binding.gyp', 'native', 'package.json', 'scripts'])
      cpSync(join(root, part), join(copy, part), { recursive: true })
    for (const entry of readdirSync(join(root, 'node_modules'))) {
      const from = join(root, 'node_modules', entry)
      if (entry === 'node-addon-api') cpSync(from, join(copy, 'node_modules', entry), { recursive: true })
      else symlinkSync(from, join(copy, 'node_modules', entry))
    }
    return copy
  }

  function prebuild(copy: string, processor: string): { status: number | null; text: string } {
    const script = join(copy, 'scripts/prebuild.mjs')
    const env = { ...process.env, TMPDIR: work }
    const done = spawnSync(process.execPath, [script, processor], { cwd: copy, env, encoding: 'utf8' })
    return { status: done.status, text: done.stdout + done.stderr }
  }

  function digest(copy: string, processor: string): string {
    const { status, text } = prebuild(copy, processor)
    assert.equal(status, 0, text)
    const file = join(copy, `prebuilds/linux-${processor}/graphdriver.node`)
    return createHash('sha256').update(readFileSync(file)).digest('hex')
  }

  for (const processor of ['x64', 'arm64']) {
    const title = `are the same bytes wherever and whenever they are built: ${processor}`
    itLong('four builds take minutes', title, () => {
      const first = digest(checkout(`${processor}/a`), processor)
      const second = digest(checkout(`${processor}/another/and/much/longer/name`), processor)
      assert.equal(second, first)
    }).timeout(900_000)
  }

  const title = 'can be built for another processor, by one command'
  itLong('it takes a cross compiler, and a minute', title, () => {
    const copy = checkout('riscv64')
    const { status, text } = prebuild(copy, 'riscv64')
    assert.equal(status, 0, text)
    const header = readFileSync(join(copy, 'prebuilds/linux-riscv64/graphdriver.node'))
    const EM_RISCV = 243
    assert.equal(header.readUInt16LE(18), EM_RISCV)
  }).timeout(900_000)

  const packed = 'are made by npm pack where they are missing'
  itLong('two builds, one of them with a cross compiler', packed, () => {
    const copy = join(work, 'packed')
    const listed = spawnSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
    for (const file of listed.stdout.split('\0').filter(Boolean)) cpSync(join(root, file), join(copy, file))
    cpSync(join(root, 'node_modules'), join(copy, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
    })
    const env = { ...process.env, TMPDIR: work }
    const done = spawnSync('npm', ['pack', '--json'], { cwd: copy, env, encoding: 'utf8' })
    assert.equal(done.status, 0, done.stderr)
    const [tarball] = Object.values(JSON.parse(done.stdout) as Record<string, { files: { path: string }[] }>)
    const paths = tarball?.files.map(({ path }) => path) ?? []
    for (const processor of ['x64', 'arm64'])
      assert.ok(paths.includes(`prebuilds/linux-${processor}/graphdriver.node`), paths.join('\n'))
    assert.ok(paths.some((path) => path.startsWith('dist/bundle/')))
  }).timeout(900_000)

  it('are not built for a processor that nobody knows', () => {
    const { status, text } = prebuild(root, 'pdp11')
    assert.equal(status, 2)
    assert.match(text, /pdp11: not one of x64, arm64/)
  })
})
