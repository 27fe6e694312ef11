import { copyFileSync, mkdirSync, openSync, closeSync, readFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type Bytes, utf8 } from './bytes.ts'
import type { Plant } from './plant.ts'
import { isWild, richTree } from './rich-tree.ts'
import { expectRun } from './tools.ts'

/** A way to make a tar that others have written. */
export interface Packer {
  readonly name: string
  readonly program: string
  /** What the format can hold; the tree is made of that. */
  readonly holds: (plant: Plant) => boolean
  /** Nanoseconds are kept. */
  readonly exact: boolean
  pack(tree: string, tar: string, scratch: string): void
}

const text = Buffer.from('text')

/** What even the oldest format holds: short names, small numbers, no devices. */
function plainTree(): Plant[] {
  const SECOND = 1_000_000_000n
  const names = ['a', 'two words', '.hidden', 'new\nline', 'back\\slash', 'latin1 \xf6', utf8('größe')]
  return [
    ...names.map((name, at): Plant => ({
      path: name,
      kind: 'file',
      content: text,
      mtime: BigInt(at) * SECOND,
    })),
    { path: 'd', kind: 'directory', mode: 0o1770, uid: 7, gid: 262143, mtime: 77n * SECOND },
    { path: 'd/empty', kind: 'directory', mode: 0 },
    {
      path: 'd/setuid',
      kind: 'file',
      mode: 0o6755,
      uid: 1000,
      gid: 1001,
      content: Buffer.alloc(70_000, 'x'),
    },
    { path: 'd/again', kind: 'link', target: 'd/setuid' },
    { path: 'd/zeros', kind: 'file', content: Buffer.alloc(2048), mode: 0 },
    { path: `d/${'n'.repeat(90)}`, kind: 'file', content: text, mtime: 2n ** 33n * SECOND - SECOND },
    { path: 'link', kind: 'symlink', target: '../out', uid: 5 },
    { path: 'link-again', kind: 'link', target: 'link' },
    { path: 'absolute', kind: 'symlink', target: '/etc' },
  ]
}

const devices: Plant[] = [
  { path: 'null', kind: 'char', mode: 0o666, major: 1, minor: 3 },
  { path: 'disk', kind: 'block', mode: 0o660, major: 8, minor: 200_000 },
  { path: 'fifo', kind: 'fifo', mode: 0o600 },
]

/** Everything that a layer may hold, and plain things beside it. */
export function foreignTree(holds: (plant: Plant) => boolean): Plant[] {
  const paths = new Set<Bytes>()
  const rich = richTree(3000).filter(({ kind }) => kind !== 'socket')
  return [...plainTree(), ...devices, ...rich].filter((plant) => {
    const slash = plant.path.lastIndexOf('/')
    const hasPlace = slash === -1 || paths.has(plant.path.slice(0, slash))
    const hasTarget = plant.kind !== 'link' || paths.has(plant.target!)
    if (!hasPlace || !hasTarget || paths.has(plant.path) || !holds(plant)) return false
    paths.add(plant.path)
    return true
  })
}

const plain = new Set([...plainTree(), ...devices].map(({ path }) => path))
const isPlain = ({ path }: Plant): boolean => plain.has(path)
const isOld = (plant: Plant): boolean => isPlain(plant) && !['char', 'block', 'fifo'].includes(plant.kind)
const isAscii = ({ path }: Plant): boolean => [...path].every((byte) => byte < '\x80')
/**
 * What libarchive 3.6 writes otherwise: fractions of a second before 1970, ACLs (in a form of their own), and names of attributes as in a URL.
 */
const isOddToBsdtar = ({ path }: Plant): boolean =>
  /^(times\/before-1970-(half|nanosecond)|xattrs\/(acl|directory|utf8-name))/.test(path)
/** GNU tar and bsdtar write each name of a device or a fifo as a thing of its own. */
const isSpecialLink = ({ kind, target = '' }: Plant): boolean =>
  kind === 'link' && /(null|fifo)$/.test(target)
const hasXattrs = ({ xattrs }: Plant): boolean => xattrs !== undefined

function gnuTar(format: string, holds: Packer['holds'], exact: boolean): Packer {
  const xattrs = format === 'pax' ? ['--xattrs', '--xattrs-include=*'] : []
  return {
    name: `GNU tar, ${format}`,
    program: 'tar',
    holds,
    exact,
    pack: (tree, tar) => {
      expectRun('tar', [
        ...xattrs,
        '--numeric-owner',
        '--sort=name',
        `--format=${format}`,
        '-C',
        tree,
        '-cf',
        tar,
        '.',
      ])
    },
  }
}

function bsdtar(format: string, holds: Packer['holds'], exact: boolean): Packer {
  return {
    name: `bsdtar, ${format}`,
    program: 'bsdtar',
    holds,
    exact,
    pack: (tree, tar) => {
      expectRun('bsdtar', [
        '--numeric-owner',
        '--no-read-sparse',
        `--format=${format}`,
        '-C',
        tree,
        '-cf',
        tar,
        '.',
      ])
    },
  }
}

function go(format: string, holds: Packer['holds'], exact: boolean): Packer {
  return {
    name: `archive/tar of Go, ${format}`,
    program: 'go',
    holds,
    exact,
    pack: (tree, tar, scratch) => {
      writeOutput(tar, buildGoPacker(join(scratch, 'go')), [format, tree])
    },
  }
}

let built: string | undefined

function buildGoPacker(directory: string): string {
  if (built !== undefined) return built
  const at = (name: string): string => join(directory, name)
  mkdirSync(directory)
  copyFileSync(join(import.meta.dirname, 'packer.go'), at('packer.go'))
  const env = { GOCACHE: at('cache'), GOPATH: at('path'), GOPROXY: 'off', GO111MODULE: 'on' }
  expectRun('go', ['build', '-o', at('packer'), at('packer.go')], { env })
  return (built = at('packer'))
}

function writeOutput(file: string, command: string, args: readonly string[]): void {
  const fd = openSync(file, 'w')
  try {
    const { status, stderr } = spawnSync(command, args, { stdio: ['ignore', fd, 'pipe'] })
    if (status !== 0) throw new Error(`${command}: ${stderr.toString()}`)
  } finally {
    closeSync(fd)
  }
}

export const packers: readonly Packer[] = [
  gnuTar('pax', (plant) => !isSpecialLink(plant), true),
  gnuTar('gnu', (plant) => !hasXattrs(plant) && !isSpecialLink(plant), false),
  gnuTar('ustar', isPlain, false),
  gnuTar('v7', isOld, false),
  bsdtar('pax', (plant) => !isWild(plant) && !isSpecialLink(plant) && !isOddToBsdtar(plant), true),
  bsdtar('gnutar', isPlain, false),
  bsdtar('ustar', isPlain, false),
  go('pax', isPlain, true),
  go('gnu', isPlain, false),
  go('ustar', (plant) => isPlain(plant) && isAscii(plant), false),
]

/** The tars of an OCI layout's one image, the lowest first. */
export function layersOf(layout: string): string[] {
  const read = (path: string): { manifests: Blob[]; layers: Blob[] } =>
    JSON.parse(readFileSync(path, 'utf8')) as { manifests: Blob[]; layers: Blob[] }
  const blob = ({ digest }: Blob): string => join(layout, 'blobs', ...digest.split(':'))
  const [manifest] = read(join(layout, 'index.json')).manifests
  return read(blob(manifest!)).layers.map(blob)
}

interface Blob {
  readonly digest: string
}
