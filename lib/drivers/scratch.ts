import { readdir, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { unmountTree } from '../mount/index.ts'
import { deleteTree, explained, present, step, unless } from '../store/index.ts'

/** Names of scratch directories: the process that made them is in the name, so that those of dead ones can be told. */
const PREFIX = '.graphdriver-probe-'

/**
 * Calls `work` with an empty directory below an existing one, and deletes it afterwards. What dead processes left there of the
 * kind is deleted too.
 *
 * @throws SyscallError with the kernel's code where nothing can be made: EROFS, EACCES, ENOSPC, …
 */
export async function withScratch<T>(below: string, work: (directory: string) => Promise<T>): Promise<T> {
  await sweepScratch(below)
  let directory: string
  try {
    directory = await mkdtemp(join(below, `${PREFIX}${String(process.pid)}-`))
  } catch (error) {
    throw explained(error, 'nothing can be written here; what is there can be read with { readOnly: true }')
  }
  await step('made scratch')
  try {
    return await work(directory)
  } finally {
    await deleteTree(directory)
    await step('deleted scratch')
  }
}

async function sweepScratch(below: string): Promise<void> {
  for (const name of await readdir(below)) {
    const pid = name.startsWith(PREFIX) ? /^\d+/.exec(name.slice(PREFIX.length))?.[0] : undefined
    if (pid === undefined || (await present(`/proc/${pid}`))) continue
    await discard(join(below, name))
  }
}

/** Whoever died in the middle may have left his trial mounted. What cannot be taken away, or goes meanwhile, is no reason to fail. */
async function discard(directory: string): Promise<void> {
  await unless(unmountTree(directory, { detach: true }), ['ENOENT', 'EINVAL', 'EPERM'], undefined)
  await unless(deleteTree(directory), ['EBUSY', 'EXDEV', 'EACCES', 'EPERM'], undefined)
}
