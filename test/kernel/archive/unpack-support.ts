import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { join } from 'node:path'
import { getxattrSync, listxattrSync } from 'graphdriver/sys'
import type { LayerForm } from '#lib/sys/layer-form.js'
import { unpack } from '#lib/archive/unpack.js'
import type { UnpackOptions, UnpackResult } from '#lib/archive/unpack.js'
import { tar } from '../../native/tarbytes.ts'
import { itUnless } from '../../skip.ts'
import { isSince } from '../since.ts'

/** Whether a layer on tmpfs can have this form: attributes of users came there with Linux 6.6 (mm/shmem.c). */
export function fitsTmpfs(form: LayerForm): boolean {
  return form !== 'overlay-user' || isSince('6.6')
}

/** The forms that fit; of the others a skipped case tells. Call it in a suite. */
export function onTmpfs<Form extends LayerForm>(forms: readonly Form[]): Form[] {
  for (const form of forms) if (!fitsTmpfs(form)) itUnless('needs Linux 6.6', form, () => undefined)
  return forms.filter(fitsTmpfs)
}

export async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Unpacks entries into a directory, which is made if need be. */
export async function apply(
  directory: string,
  parts: readonly Buffer[],
  options: UnpackOptions = {},
  size = 100_000,
): Promise<UnpackResult> {
  mkdirSync(directory, { recursive: true })
  return unpack(directory, pieces(tar(...parts), size), options)
}

/** The code of the error that unpacking ends with; '' when it does not. */
export async function refusal(
  directory: string,
  parts: readonly Buffer[],
  options: UnpackOptions = {},
): Promise<string> {
  try {
    await apply(directory, parts, options)
  } catch (error) {
    assert(error instanceof Error)
    return (error as { code?: string }).code ?? error.name
  }
  return ''
}

/** Extended attributes, without those that a security module gives by itself. */
export function xattrsOf(path: string): Record<string, string> {
  const names = listxattrSync(path, { nofollow: true }).filter((name) => name !== 'security.selinux')
  return Object.fromEntries(
    names.sort().map((name) => [name, getxattrSync(path, name, { nofollow: true }).toString('latin1')]),
  )
}

function words(path: string, stat: BigIntStats): string {
  const mode = (Number(stat.mode) & 0o7777).toString(8)
  const rdev = Number(stat.rdev)
  const device = `${((rdev >> 8) & 0xfff).toString()},${((rdev & 0xff) | ((rdev >> 12) & 0xfff00)).toString()}`
  if (stat.isDirectory()) return `directory ${mode}`
  if (stat.isSymbolicLink()) return `-> ${readlinkSync(path)}`
  if (stat.isFile()) return `file ${mode} ${JSON.stringify(readFileSync(path, 'latin1'))}`
  if (stat.isCharacterDevice()) return `char ${device} ${mode}`
  if (stat.isBlockDevice()) return `block ${device} ${mode}`
  return `fifo ${mode}`
}

/** A tree in words: type, mode and content; owner, further names and attributes where they are not the usual ones. */
export function look(root: string): Record<string, string> {
  const seen: Record<string, string> = {}
  const visit = (path: string): void => {
    const whole = join(root, path)
    const stat = lstatSync(whole, { bigint: true })
    const owner = stat.uid === 0n && stat.gid === 0n ? '' : ` ${stat.uid}:${stat.gid}`
    const links = stat.isDirectory() || stat.nlink === 1n ? '' : ` x${stat.nlink}`
    const xattrs = Object.entries(xattrsOf(whole)).map(([name, value]) => ` ${name}=${value}`)
    if (path !== '') seen[path] = words(whole, stat) + owner + links + xattrs.join('')
    if (!stat.isDirectory()) return
    for (const name of readdirSync(whole).sort()) visit(path === '' ? name : `${path}/${name}`)
  }
  visit('')
  return seen
}

/** Modification times by path. */
export function times(root: string, ...paths: string[]): bigint[] {
  return paths.map((path) => lstatSync(join(root, path), { bigint: true }).mtimeNs)
}

/** All that changes when somebody touches it, of a whole tree. */
export function fingerprint(root: string): unknown[] {
  const seen: unknown[] = []
  const visit = (path: string): void => {
    const { dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs } = lstatSync(path, {
      bigint: true,
    })
    seen.push([path, dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs, xattrsOf(path)])
    const stat = lstatSync(path)
    if (stat.isFile()) seen.push(readFileSync(path, 'latin1'))
    if (stat.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
  }
  visit(root)
  return seen
}
