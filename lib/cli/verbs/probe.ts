import { probe as probeDrivers, type ProbeReport } from '../../index.ts'
import { codeOf } from '../../store/index.ts'
import { table } from '../table.ts'
import { paint } from '../terminal.ts'
import type { Verb } from '../verb.ts'

export const probe: Verb = {
  name: 'probe',
  summary: 'try each driver on the root, and say why one cannot work',
  details: ['The root need not exist; nothing is left there. The exit code is 1 when no driver works.'],
  shape: '{ root, drivers: { driver, supported, code?, reason?, errno?, features }[] }',
  async run(_input, context) {
    const reports = await probeDrivers(context.root)
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
