import { type Bytes, shown, toBuffer, utf8 } from './bytes.ts'
import { type Fact, factsOf } from './facts.ts'
import { withStatus } from './gnu-tar.ts'
import { lines, run } from './tools.ts'

const manifest = [
  '-cf',
  '-',
  '--format=mtree',
  // It would tell the mode without the mask of the list.
  '--no-acls',
  '--options=!all,type,mode,uid,gid,size,link,time,device,sha256',
]
/** Lines of an mtree(5) manifest by path. */
function parse(output: Buffer): Map<Bytes, string[]> {
  const entries = lines(output).filter((line) => line.startsWith('.'))
  return new Map(
    entries.map((line) => {
      const [name, ...attributes] = line.split(' ')
      return [unescape(name!), attributes.sort()]
    }),
  )
}

function unescape(name: string): Bytes {
  const bytes = name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)))
  return composed(bytes.replace(/^\.\//, ''))
}

/** A path with its accents composed: libarchive does so with what it reads from a tar, and not with what it finds on disk. */
function composed(path: Bytes): Bytes {
  const text = toBuffer(path).toString()
  return utf8(text) === path ? utf8(text.normalize('NFC')) : path
}

function manifestOf(what: readonly string[]): { entries: Map<Bytes, string[]>; complaints: string[] } {
  const { status, output, complaints } = run('bsdtar', [...manifest, ...what])
  return { entries: parse(output), complaints: withStatus(status, complaints) }
}

/**
 * How many names bsdtar reads from a tar, and what it complains of. With a PAX path or linkpath that is no UTF-8 it complains,
 * takes it as it is, and goes on; only when it makes a manifest it stops there.
 */
export function bsdtarListing(tar: string): { names: number; complaints: string[] } {
  const { output, complaints } = run('bsdtar', ['-tf', tar])
  const known = /^bsdtar: (Pathname|Linkname) can't be converted from UTF-8|Error exit delayed/
  // What is no letter is escaped, so a name is a line.
  return { names: lines(output).length, complaints: complaints.filter((line) => !known.test(line)) }
}

/**
 * What an entry's line cannot tell. Of a file with several names the line of a tar tells the contents only once. A time before 1970 with a
 * fraction is read from a tar as if the fraction came after the seconds (pax_time() of libarchive 3.6).
 */
function untold({ linked, mtime }: Fact): RegExp {
  const contents = linked === undefined ? [] : ['type', 'size', 'sha256digest', 'link', 'device']
  const time = mtime < 0n && mtime % 1_000_000_000n !== 0n ? ['time'] : []
  return new RegExp(`^(${[...contents, ...time, 'nothing'].join('|')})=`)
}

/** What differs between the manifests that bsdtar makes of a tar and of a tree. A tar has no sockets. */
export function manifestDifferences(tar: string, tree: string): string[] {
  const [left, right] = [manifestOf([`@${tar}`]), manifestOf(['-C', tree, '.'])]
  const facts = new Map([...factsOf(tree)].map(([path, fact]) => [composed(path), fact]))
  const names = new Set([...left.entries.keys(), ...right.entries.keys()])
  names.delete('.')
  const differences = [...names].flatMap((name) => {
    const fact = facts.get(name)
    if (fact?.kind === 'socket') return []
    const [a, b] = [left.entries, right.entries].map((side) => line(side.get(name), fact))
    return a === b ? [] : [`${shown(name)}: ${a ?? 'nothing'} and ${b ?? 'nothing'}`]
  })
  return [...left.complaints, ...right.complaints, ...differences]
}

function line(attributes: readonly string[] | undefined, fact: Fact | undefined): string | undefined {
  if (fact === undefined) return attributes?.join(' ')
  return attributes?.filter((attribute) => !untold(fact).test(attribute)).join(' ')
}
