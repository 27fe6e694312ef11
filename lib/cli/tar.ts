import { open, type FileHandle } from 'node:fs/promises'
import { type ApplyResult, SyscallError, type TarSource } from '../index.ts'
import type { Context } from './context.ts'
import { UsageError } from './usage.ts'
import { count, formatBytes, printable } from './format.ts'

/** First bytes of gzip (RFC 1952) and of zstd (RFC 8878): then the file's size is not the tar's. */
const COMPRESSED = [Buffer.from([0x1f, 0x8b]), Buffer.from([0x28, 0xb5, 0x2f, 0xfd])]

/** A tar that the command line names, and its length where that is known. */
export interface NamedTar extends AsyncDisposable {
  readonly name: string
  readonly source: TarSource
  readonly length: number | undefined
}

/** The tar in a file, or on the standard input for `-` and no name. */
export async function openTar(name: string | undefined): Promise<NamedTar> {
  if (name === undefined || name === '-') return standardInput()
  const file = await open(name)
  try {
    const length = await lengthOf(file, name)
    return { name, source: file, length, [Symbol.asyncDispose]: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

function standardInput(): NamedTar {
  const { stdin } = process
  if (stdin.isTTY) throw new UsageError('name a file, or pipe a tar in')
  const release = (): Promise<void> => {
    stdin.destroy()
    return Promise.resolve()
  }
  return { name: 'the standard input', source: stdin, length: undefined, [Symbol.asyncDispose]: release }
}

async function lengthOf(file: FileHandle, name: string): Promise<number | undefined> {
  const stats = await file.stat()
  if (stats.isDirectory()) throw new SyscallError('EISDIR', 'read', { path: name })
  if (!stats.isFile()) return undefined
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
  const head = buffer.subarray(0, bytesRead)
  return COMPRESSED.some((magic) => head.subarray(0, magic.length).equals(magic)) ? undefined : stats.size
}

/** Tells of what a tar could not hold, or a layer not keep. */
export function tellWarnings(
  context: Context,
  warnings: readonly { code: string; path: string; pathBytes?: Uint8Array; detail: string }[],
): void {
  for (const { code, path, pathBytes, detail } of warnings) {
    context.note(`warning: ${printable(path, pathBytes)}: ${detail} (${code})`)
  }
}

export function appliedText({ entries, size, diffID }: ApplyResult): string {
  return `${count(entries, 'entry', 'entries')}, ${formatBytes(size)}, ${diffID}`
}
