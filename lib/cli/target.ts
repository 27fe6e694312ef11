import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { open, realpath, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { unless } from '../store/index.ts'

/** A file that is there whole or not at all: written aside, and renamed at its end. A device or a fifo is written to as it is. */
export interface TargetFile extends AsyncDisposable {
  readonly file: FileHandle
  /** It is whole now. */
  commit(): Promise<void>
}

/** A link is followed; a file that was there keeps its mode, and where that is allowed its owner. */
export async function openTarget(path: string): Promise<TargetFile> {
  const old = await unless(stat(path), ['ENOENT'], undefined)
  const direct = old !== undefined && !old.isFile()
  const real = old === undefined ? path : await realpath(path)
  // Never the name of an earlier run: in a container every run may have the same process id.
  const aside = join(dirname(real), `.graphdriver-${randomBytes(8).toString('hex')}.part`)
  const written = direct ? path : aside
  const file = await open(written, direct ? 'w' : 'wx', old && old.mode & 0o777).catch((error: unknown) => {
    throw renamed(error, written, path)
  })
  let committed = direct
  return {
    file,
    async commit() {
      if (direct) return
      if (old !== undefined) await takeOver(file, old)
      await file.sync()
      await rename(written, real)
      committed = true
    },
    async [Symbol.asyncDispose]() {
      await file.close().catch(() => undefined)
      if (!committed) await rm(written, { force: true })
    },
  }
}

async function takeOver(file: FileHandle, { uid, gid, mode }: Stats): Promise<void> {
  await unless(file.chown(uid, gid), ['EPERM'], undefined)
  // After the owner, who would have taken bits of it away.
  await file.chmod(mode & 0o7777)
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
