import { checkKnown } from '../../drivers/registry.ts'
import { probe as probeDrivers, type ProbeReport } from '../../index.ts'
import { codeOf } from '../../store/index.ts'
import { table } from '../table.ts'
import { paint } from '../terminal.ts'
import type { Verb } from '../verb.ts'

export const probe: Verb = {
  name: 'probe',
  summary: 'try each driver on the root, and say why one cannot work',
  details: [
    'The root need not exist; nothing is left there. With --driver only that one is tried. The exit code is 1 when none works.',
  ],
  shape: '{ root, drivers: { driver, supported, code?, reason?, errno?, features }[] }',
  looksOnly: true,
  async run(_input, context) {
    const { driver: wanted } = context
    if (wanted !== undefined) checkKnown(wanted)
    const all = await probeDrivers(context.root)
    const reports = all.filter(({ driver }) => wanted === undefined || driver === wanted)
    return {
      data: { root: context.root, drivers: reports.map(plain) },
      text: (terminal) =>
        table(
          reports.map(({ driver, supported, reason, features }) => [
            driver,
            supported ? paint(terminal, 'green', 'works') : paint(terminal, 'red', 'no'),
            reason ??
              Object.entries(features)
                .map(([label, value]) => `${label}: ${value}`)
                .join('; '),
          ]),
          terminal,
        ),
      exitCode: reports.some(({ supported }) => supported) ? 0 : 1,
    }
  },
}

/** An error is no data: its code is. */
export function plain({ cause, ...report }: ProbeReport): object {
  const errno = codeOf(cause)
  return { ...report, ...(errno !== undefined && { errno }) }
}
