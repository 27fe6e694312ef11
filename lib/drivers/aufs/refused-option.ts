import { SyscallError, tryMount } from '../../sys/index.ts'

/** The kernel's words on one setting (fs/fs_parser.c, fsctx.c), or ours where it has none. */
const REFUSED = /^at |unknown parameter|(wrong|unknown|unexpected) value|bad (value|integer|arg)/i

/**
 * Which of these options the kernel does not take. The newer interface looks at each when it is set, before there is
 * any branch, and names it; where it does not (aufs before 2022), nobody knows.
 *
 * @param words those that are neither branches nor paths: nothing is made.
 */
export async function refusedOption(words: readonly string[]): Promise<string | undefined> {
  for (const word of words) {
    const at = word.indexOf('=')
    const setting = at < 0 ? { key: word } : { key: word.slice(0, at), value: word.slice(at + 1) }
    try {
      await tryMount({ type: 'aufs', settings: [setting] })
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error
      if (REFUSED.test(error.detail ?? '')) return word
    }
  }
  return undefined
}
