import { table } from '../table.ts'
import type { Verb } from '../verb.ts'

export const cleanup: Verb = {
  name: 'cleanup',
  summary: 'unmount what nobody holds, and delete what dead processes left',
  details: [
    'That is also what `graphdriver mount` left mounted. A mount that somebody still uses stays; then the exit code is 3.',
  ],
  options: [{ flags: '--orphans', summary: 'delete contents that belong to no layer, too' }],
  shape: '{ unmounted: string[], busy: string[], removed: string[] }',
  interrupted: 'what was done stays done, and the same command does the rest',
  async run(input, context) {
    await using driver = await context.open()
    const data = await driver.cleanup({ orphans: input.on('orphans'), signal: context.signal })
    const rows = Object.entries({ unmounted: data.unmounted, removed: data.removed, 'still used': data.busy })
      .filter(([, ids]) => ids.length > 0)
      .map(([what, ids]) => [what, ids.join(' ')])
    return {
      data,
      text: (terminal) => (rows.length === 0 ? 'nothing to do' : table(rows, terminal)),
      exitCode: data.busy.length > 0 ? 3 : 0,
    }
  },
}
