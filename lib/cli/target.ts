import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { unless } from '../store/index.ts'

/** A file that is there whole or not at all: written aside, and renamed at its end. A device or a fifo is written to as it is. */
export interface TargetFile extends AsyncDisposable {
  readonly file: FileHandle
  /** It is whole now. */
  commit(): Promise<void>
}

export async function openTarget(path: string): Promise<TargetFile> {
  const stats = await unless(stat(path), ['ENOENT'], undefined)
  const direct = stats !== undefined && !stats.isFile()
  const written = direct ? path : `${path}.${String(process.pid)}.part`
  const file = await open(written, direct ? 'w' : 'wx').catch((error: unknown) => {
    throw renamed(error, written, path)
  })
  let committed = direct
  return {
    file,
    async commit() {
      if (direct) return
      await file.sync()
      await rename(written, path)
      committed = true
    },
    async [Symbol.asyncDispose]() {
      await file.close().catch(() => undefined)
      if (!committed) await rm(written, { force: true })
    },
  }
}

/** An error about the file that was asked for, not about the one beside it, which nobody named. */
function renamed(error: unknown, written: string, path: string): unknown {
  if (error instanceof Error) {
    error.message = error.message.replaceAll(written, path)
    Object.assign(error, { path })
  }
  return error
}

/** A stream into an open file, from where it stands; whoever opened the file closes it. */
export function streamInto(file: FileHandle): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      file.writeFile(chunk).then(() => done(), done)
    },
  })
}
