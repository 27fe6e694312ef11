import { bashCompletion } from './completion/bash.ts'
import { zshCompletion } from './completion/zsh.ts'
import type { Verb } from '../verb.ts'

const SHELLS = ['bash', 'zsh'] as const

export const completion: Verb = {
  name: 'completion',
  summary: 'print a script that completes this command in a shell',
  arguments: [{ name: '<shell>', summary: 'bash or zsh', choices: SHELLS }],
  examples: [
    { command: 'source <(graphdriver completion bash)', says: 'in ~/.bashrc' },
    {
      command: 'graphdriver completion zsh > "${fpath[1]}/_graphdriver"',
      says: 'for zsh, once',
      notRun: 'it is for zsh',
    },
  ],
  looksOnly: true,
  async run(input) {
    // Not at the top: the list of verbs has this one in it.
    const { VERBS } = await import('../verbs.ts')
    const shell = input.word('shell')
    const script = shell === 'zsh' ? zshCompletion(VERBS) : bashCompletion(VERBS)
    return { data: { shell, script }, text: () => script }
  },
}
