import { chmodSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW, mknodatSync, setxattrSync, utimensatSync } from 'graphdriver/sys'
import type { Change } from '#lib/archive/changes.js'
import type { LayerForm } from '#lib/sys/layer-form.js'

/** Names and paths are bytes: one character a byte (latin1), as they need not be UTF-8. */
export type Bytes = string

const S_IFIFO = 0o010000
const S_IFCHR = 0o020000

export interface Node {
  readonly type: 'directory' | 'file' | 'link' | 'fifo' | 'device'
  readonly mode: number
  readonly uid: number
  /** Nanoseconds since 1970. */
  readonly mtime: bigint
  /** Of a file; the target of a link. */
  readonly content: string
  /** Value of the attribute user.note (of directories and files) or trusted.note; '' for none. */
  readonly note: string
}

/** What one layer says about the layers below it, in no form yet. Paths are relative, without slashes at the ends. */
export interface Layer {
  /** Parents before what is in them. */
  readonly entries: Map<Bytes, Node>
  readonly gone: Set<Bytes>
  readonly opaque: Set<Bytes>
}

export function bytesOf(root: string, path: Bytes): Buffer {
  return path === ''
    ? Buffer.from(root)
    : Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')])
}

export function parentOf(path: Bytes): Bytes {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

export function nameOf(path: Bytes): Bytes {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function join(directory: Bytes, name: Bytes): Bytes {
  return directory === '' ? name : `${directory}/${name}`
}

function make(path: Buffer, node: Node): void {
  if (node.type === 'directory') mkdirSync(path, { recursive: true })
  else if (node.type === 'file') writeFileSync(path, node.content)
  else if (node.type === 'link') symlinkSync(node.content, path)
  else if (node.type === 'fifo') mknodatSync(AT_FDCWD, path, S_IFIFO | 0o600)
  else mknodatSync(AT_FDCWD, path, S_IFCHR | 0o600, 1, node.content.length)
}

/** Writes one file, link, directory, …, with all its attributes. */
export function put(root: string, path: Bytes, node: Node): void {
  const at = bytesOf(root, path)
  make(at, node)
  lchownSync(at, node.uid, node.uid)
  if (node.note !== '') setxattrSync(at, 'trusted.note', Buffer.from(node.note), { nofollow: true })
  if (node.type !== 'link') chmodSync(at, node.mode)
  utimensatSync(AT_FDCWD, at, node.mtime, node.mtime, AT_SYMLINK_NOFOLLOW)
}

/** How overlay's whiteouts are written: as devices, or as files with an attribute (Linux 6.7). */
export type OverlayWhiteouts = 'devices' | 'files'

function hide(root: string, path: Bytes, form: LayerForm, whiteouts: OverlayWhiteouts): void {
  const prefix = form === 'overlay-user' ? 'user' : 'trusted'
  if (form === 'aufs') {
    writeFileSync(bytesOf(root, join(parentOf(path), `.wh.${nameOf(path)}`)), '')
  } else if (whiteouts === 'devices') {
    mknodatSync(AT_FDCWD, bytesOf(root, path), S_IFCHR, 0, 0)
  } else {
    writeFileSync(bytesOf(root, path), '')
    setxattrSync(bytesOf(root, path), `${prefix}.overlay.whiteout`, Buffer.from('y'))
    setxattrSync(bytesOf(root, parentOf(path)), `${prefix}.overlay.opaque`, Buffer.from('x'))
  }
}

function close(root: string, path: Bytes, form: LayerForm): void {
  if (form === 'aufs') {
    writeFileSync(bytesOf(root, join(path, '.wh..wh..opq')), '')
    return
  }
  const prefix = form === 'overlay-user' ? 'user' : 'trusted'
  setxattrSync(bytesOf(root, path), `${prefix}.overlay.opaque`, Buffer.from('y'))
}

/** What aufs leaves in the root of a branch that was mounted. */
export function addAufsBookkeeping(root: string): void {
  writeFileSync(`${root}/.wh..wh.aufs`, '')
  for (const name of ['plnk', 'orph']) mkdirSync(`${root}/.wh..wh.${name}`, { recursive: true })
  writeFileSync(`${root}/.wh..wh.plnk/12.34`, 'a pseudo-link')
}

/** Writes a layer into a directory that exists, in the form of a union. */
export function writeLayer(
  root: string,
  layer: Layer,
  form: LayerForm,
  whiteouts: OverlayWhiteouts = 'devices',
): void {
  for (const [path, node] of layer.entries) put(root, path, node)
  // In aufs's form a whiteout can stand beside an entry; overlay has one name for both, and opaque directories.
  const besides = [...layer.gone].filter((path) => layer.entries.has(path))
  const opaque = new Set(layer.opaque)
  if (form !== 'aufs') {
    for (const path of besides) if (layer.entries.get(path)?.type === 'directory') opaque.add(path)
  }
  for (const path of layer.gone) {
    if (form !== 'aufs' && layer.entries.has(path)) continue
    hide(root, path, form, opaque.has(parentOf(path)) ? 'devices' : whiteouts)
  }
  for (const path of opaque) close(root, path, form)
  if (form === 'aufs') addAufsBookkeeping(root)
}

/** A change as text, its path as bytes. */
export function shown(change: Change): string {
  const path = change.pathBytes ?? Buffer.from(change.path)
  return `${change.kind} ${path.toString('latin1')}`
}

/**
 * A layer in short: `'etc/'` is a directory, `'etc/passwd': 'text'` a file, `'etc/old': null` is gone, `'etc/!': null` says that `etc` is
 * opaque. Parents come first.
 */
export function layerOf(
  short: Readonly<Record<Bytes, string | null>>,
  mtime = 1_500_000_000_123_456_789n,
): Layer {
  const layer: Layer = { entries: new Map(), gone: new Set(), opaque: new Set() }
  const common = { uid: 0, mtime, note: '' }
  for (const [path, content] of Object.entries(short)) {
    if (path.endsWith('/!')) layer.opaque.add(parentOf(path))
    else if (content === null) layer.gone.add(path)
    else if (path.endsWith('/'))
      layer.entries.set(path.slice(0, -1), { type: 'directory', mode: 0o755, content: '', ...common })
    else layer.entries.set(path, { type: 'file', mode: 0o644, content, ...common })
  }
  return layer
}
