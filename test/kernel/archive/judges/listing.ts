import { join } from 'node:path'
import { copyFileSync, mkdirSync } from 'node:fs'
import { type Bytes, shown } from './bytes.ts'
import { compareFacts, type Fact, type Facts, factsOf, type Kind, linkUp } from './facts.ts'
import { expectRun, lines, run } from './tools.ts'

/** What lister.go and lister.py write for an entry; byte strings in base64. */
interface Entry {
  readonly Name: string
  readonly Type: string
  readonly Mode: number
  readonly UID: number
  readonly GID: number
  readonly Size: number
  readonly Seconds: number
  readonly Nanos: number
  readonly Link: string
  readonly Major: number
  readonly Minor: number
  readonly Xattrs: readonly { readonly Name: string; readonly Value: string }[]
  readonly SHA256: string
}

const kinds: Readonly<Record<string, Kind>> = {
  '0': 'file',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
}

function bytesOf(base64: string): Bytes {
  return Buffer.from(base64, 'base64').toString('latin1')
}

/** The name of an extended attribute in a PAX record has two characters escaped, as GNU tar does; Go and Python know nothing of it. */
function unescape(name: Bytes): Bytes {
  return name.replace(/%3D|%25/g, (escaped) => (escaped === '%3D' ? '=' : '%'))
}

/** A program that lists a tar: its command, with the tar as the last argument. */
export type Lister = readonly [command: string, ...args: string[]]

export const python: Lister = ['python3', join(import.meta.dirname, 'lister.py')]

/** Builds the lister of archive/tar; everything that Go writes goes into this directory. */
export function buildGoLister(directory: string): Lister {
  const at = (name: string): string => join(directory, name)
  mkdirSync(directory)
  copyFileSync(join(import.meta.dirname, 'lister.go'), at('lister.go'))
  const env = {
    GOCACHE: at('cache'),
    GOPATH: at('path'),
    GOFLAGS: '-mod=mod',
    GOPROXY: 'off',
    GO111MODULE: 'on',
  }
  expectRun('go', ['build', '-o', at('lister'), at('lister.go')], { env })
  return [at('lister')]
}

/** What a tar holds by the word of a lister, as if it were on disk, and what is wrong with it. */
export function factsOfTar(lister: Lister, tar: string): { facts: Facts; complaints: string[] } {
  const [command, ...args] = lister
  const { status, output, complaints } = run(command, [...args, tar])
  const facts: Facts = new Map()
  const names = new Map<Bytes, Bytes[]>()
  for (const line of lines(output)) complaints.push(...add(JSON.parse(line) as Entry, facts, names))
  for (const paths of names.values()) linkUp(facts, paths)
  if (status !== 0) complaints.push(`${command}: exit status ${String(status)}`)
  return { facts, complaints }
}

/** Notes an entry; `names` has those of each file, by the first that the tar had. */
function add(entry: Entry, facts: Facts, names: Map<Bytes, Bytes[]>): string[] {
  const name = bytesOf(entry.Name)
  const path = name.replace(/^\.\/+/, '').replace(/\/$/, '')
  const complaints = facts.has(path) ? [`${shown(path)} is there twice`] : []
  if ((entry.Type === '5') !== name.endsWith('/')) complaints.push(`${shown(name)}: slash at the end`)
  const own = attributes(entry)
  if (entry.Type !== '1') {
    facts.set(path, { ...own, ...contents(entry) })
    names.set(path, [path])
    return complaints
  }
  const target = bytesOf(entry.Link).replace(/^\.\/+/, '')
  const file = facts.get(target)
  if (file === undefined)
    return [...complaints, `${shown(path)}: its target ${shown(target)} did not come before it`]
  facts.set(path, { ...file, ...own, xattrs: file.xattrs })
  const first = [...names].find(([, all]) => all.includes(target))![0]
  names.get(first)!.push(path)
  return complaints
}

function attributes({ Mode, UID, GID, Seconds, Nanos }: Entry): Omit<Fact, 'kind' | 'xattrs'> {
  const mtime = BigInt(Seconds) * 1_000_000_000n + BigInt(Nanos)
  return { mode: Mode.toString(8), uid: UID, gid: GID, mtime }
}

function contents(entry: Entry): Pick<Fact, 'kind' | 'size' | 'sha256' | 'target' | 'device' | 'xattrs'> {
  const kind = kinds[entry.Type]
  if (kind === undefined) throw new Error(`an entry of type ${JSON.stringify(entry.Type)}`)
  const xattrs = new Map(
    entry.Xattrs.map(({ Name, Value }) => [
      unescape(bytesOf(Name)),
      Buffer.from(Value, 'base64').toString('hex'),
    ]),
  )
  if (kind === 'file') return { kind, size: entry.Size, sha256: entry.SHA256, xattrs }
  if (kind === 'symlink') return { kind, target: bytesOf(entry.Link), xattrs }
  if (kind === 'char' || kind === 'block') return { kind, device: `${entry.Major}:${entry.Minor}`, xattrs }
  return { kind, xattrs }
}

/**
 * What differs between a tar, by the word of a lister, and a tree. A tar has no sockets; the root need not be in it, since it is not part of
 * what these trees say.
 */
export function listingDifferences(lister: Lister, tar: string, tree: string): string[] {
  const { facts, complaints } = factsOfTar(lister, tar)
  const truth = factsOf(tree)
  for (const [path, { kind }] of truth) if (kind === 'socket' || path === '') truth.delete(path)
  facts.delete('')
  facts.delete('.')
  return [...complaints, ...compareFacts(facts, truth)]
}
