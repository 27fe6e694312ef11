import { chmodSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const id = (pair: string): string => pair.repeat(32)

/** The layers of a root as Docker's aufs driver left it. */
export const docker = {
  base: id('a1'),
  middle: id('b2'),
  /** Docker makes two layers for a container: what it prepares, and what the container writes. */
  init: `${id('c3')}-init`,
  top: id('c3'),
  /** Contents without metadata. */
  orphan: id('d4'),
  /** Metadata without contents. */
  hollow: id('e5'),
  /** Its metadata was cut to nothing by a power loss; its child's tells that it had a parent. */
  cut: id('f6'),
  child: id('07'),
  /** A removal that was cut short. */
  gone: id('18'),
} as const

/** Seconds since 1970, of everything in the layers. */
const TIME = 1_400_000_000

/**
 * Writes such a root, with its modes and all that aufs keeps for itself in a branch that it has written to.
 *
 * @param broken also what power losses and killed daemons leave.
 */
export function makeDockerRoot(root: string, broken = false): void {
  mkdirSync(root, { recursive: true })
  chmodSync(root, 0o710)
  for (const name of ['layers', 'diff', 'mnt']) mkdirSync(join(root, name), { mode: 0o700 })
  const { base, middle, init, top } = docker
  addLayer(root, base, [])
  addLayer(root, middle, [base])
  addLayer(root, init, [middle, base])
  addLayer(root, top, [init, middle, base])
  fillBase(join(root, 'diff', base))
  fillMiddle(join(root, 'diff', middle))
  fillContainer(join(root, 'diff', init), join(root, 'diff', top))
  if (broken) addRubble(root)
}

function addLayer(root: string, layer: string, chain: readonly string[]): void {
  for (const name of ['diff', 'mnt']) mkdirSync(join(root, name, layer), { mode: 0o755 })
  writeFileSync(join(root, 'layers', layer), chain.map((line) => `${line}\n`).join(''), { mode: 0o644 })
}

/** Writes files, and the directories that they are in; then sets all times. */
function fill(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, dirname(name)), { recursive: true, mode: 0o755 })
    writeFileSync(join(directory, name), text, { mode: 0o644 })
  }
}

function setTimes(directory: string, names: readonly string[]): void {
  for (const name of names) utimesSync(join(directory, name), TIME, TIME)
}

/** What aufs makes in the root of each writable branch, and leaves there. */
function keepBooks(branch: string): void {
  writeFileSync(join(branch, '.wh..wh.aufs'), '', { mode: 0o444 })
  for (const name of ['.wh..wh.plnk', '.wh..wh.orph']) mkdirSync(join(branch, name), { mode: 0o700 })
}

/** aufs makes its whiteouts links of one file. */
function whiteout(branch: string, name: string): void {
  linkSync(
    join(branch, '.wh..wh.aufs'),
    join(branch, dirname(name), `.wh.${name.slice(name.lastIndexOf('/') + 1)}`),
  )
}

function fillBase(base: string): void {
  fill(base, {
    'bin/sh': '#!shell',
    'etc/hosts': 'localhost',
    'etc/passwd': 'root',
    'var/cache/old': 'old',
    'var/log/syslog': 'log',
    'tmp/scratch': 's',
  })
  linkSync(join(base, 'bin/sh'), join(base, 'bin/ash'))
  symlinkSync('sh', join(base, 'bin/bash'))
  chmodSync(join(base, 'tmp'), 0o1777)
  setTimes(base, ['bin/sh', 'bin', 'etc/hosts', 'etc/passwd', 'etc', 'var/cache', 'var/log', 'var', 'tmp'])
}

function fillMiddle(middle: string): void {
  keepBooks(middle)
  fill(middle, { 'etc/passwd': 'root and more', 'var/cache/new': 'new', 'opt/tool': 'tool' })
  whiteout(middle, 'etc/hosts')
  linkSync(join(middle, '.wh..wh.aufs'), join(middle, 'var/cache/.wh..wh..opq'))
  setTimes(middle, ['etc/passwd', 'etc', 'var/cache/new', 'var/cache', 'var', 'opt/tool', 'opt'])
}

function fillContainer(init: string, top: string): void {
  keepBooks(init)
  fill(init, { 'etc/hostname': '', 'dev/console': '' })
  setTimes(init, ['etc/hostname', 'etc', 'dev'])
  keepBooks(top)
  fill(top, { 'root/.history': 'ls', 'bin/tool': 'linked' })
  whiteout(top, 'tmp')
  // A pseudo-link that was never flushed, and a directory whose deletion was cut short.
  linkSync(join(top, 'bin/tool'), join(top, '.wh..wh.plnk/131.131'))
  writeFileSync(join(top, '.wh..wh.plnk/132.132'), 'nobody else has it')
  fill(top, { '.wh..wh.dir.0a1b/inside/file': 'x', 'root/.wh..wh.sub.1f2e/file': 'x' })
  setTimes(top, ['root/.history', 'root', 'bin/tool', 'bin'])
}

function addRubble(root: string): void {
  const { base, orphan, hollow, cut, child, gone } = docker
  fill(join(root, 'diff', orphan), { file: 'nobody’s' })
  addLayer(root, child, [cut, base])
  addLayer(root, cut, [])
  writeFileSync(join(root, 'layers', hollow), `${base}\n`, { mode: 0o644 })
  fill(join(root, 'diff', `${gone}-removing`), { 'etc/file': 'x' })
  mkdirSync(join(root, 'mnt', `${gone}-removing`))
}
