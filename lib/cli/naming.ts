import { codeOf } from '../store/index.ts'

/**
 * Does work that reads or writes one open file. A call that fails on a descriptor knows no path: the error gets the name that the command
 * line has for it.
 *
 * @throws what the work throws.
 */
export async function naming<T>(name: string, call: 'read' | 'write', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { syscall, path } = error as { syscall?: unknown; path?: unknown }
    // A broken pipe is nobody's fault, and told to nobody.
    if (error instanceof Error && syscall === call && path === undefined && codeOf(error) !== 'EPIPE') {
      error.message += ` '${name}'`
      Object.assign(error, { path: name })
    }
    throw error
  }
}
