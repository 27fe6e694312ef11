import { checkKnown } from '../../drivers/registry.ts'
import { examineDrivers } from './doctor/drivers.ts'
import type { Finding } from './doctor/finding.ts'
import { examineMachine } from './doctor/machine.ts'
import { examineStore } from './doctor/store.ts'
import type { Context } from '../context.ts'
import { inWordsOfTheCommand } from '../describe.ts'
import { explain, type Explained } from '../explain.ts'
import { UsageError } from '../usage.ts'
import { table, wrap } from '../table.ts'
import { paint, type Terminal } from '../terminal.ts'
import type { Answer, Verb } from '../verb.ts'

export const doctor: Verb = {
  name: 'doctor',
  summary: 'tell whether it can work here, or what an error code means',
  details: [
    'Looks at all that decides: the kernel, this process, the drivers, the root and its layers. Nothing is changed. The exit code is 3 when something is an error.',
    'With a code (ERR_LAYER_BUSY) or an errno (EBUSY, 16) it explains that instead.',
  ],
  arguments: [{ name: '[code]', summary: 'an error code, or the name or number of an errno' }],
  shape:
    '{ root, status: "ok" | "warning" | "error", findings: { check, title, status, found, reason?, remedy? }[] }; with a code { code, errno?, meaning?, cause, remedy }',
  examples: [{ command: 'graphdriver doctor EBUSY', says: 'what it means, and what to do' }],
  looksOnly: true,
  async run(input, context) {
    const code = input.maybe('code')
    return code === undefined ? examine(context) : explainCode(code)
  },
}

function explainCode(word: string): Answer {
  const data = explain(word)
  if (data === undefined)
    throw new UsageError(`${word} is neither a code of graphdriver nor an errno of Linux`)
  return { data, text: (terminal) => explainedText(data, terminal) }
}

function explainedText({ code, errno, meaning, cause, remedy }: Explained, terminal: Terminal): string {
  const said = meaning === undefined ? '' : `: ${meaning}`
  const head = paint(terminal, 'bold', code) + (errno === undefined ? '' : ` (${String(errno)})`) + said
  return [head, ...wrap(cause, terminal.columns), '', ...wrap(remedy, terminal.columns)].join('\n')
}

async function examine(context: Context): Promise<Answer> {
  if (context.driver !== undefined) checkKnown(context.driver)
  const machine = await examineMachine()
  const works = machine.every(({ check, status }) => check !== 'addon' || status === 'ok')
  const store = works ? await examineStore(context.root) : { findings: [], driver: undefined }
  const drivers = works ? await examineDrivers(context.root, store.driver ?? context.driver) : []
  const findings = [...machine, ...drivers, ...store.findings].map(inWords)
  const status = worst(findings)
  return {
    data: { root: context.root, status, findings },
    text: (terminal) => findingsText(findings, terminal),
    exitCode: status === 'error' ? 3 : 0,
  }
}

/** What the library says of itself, for people at a shell. */
function inWords({ reason, remedy, ...found }: Finding): Finding {
  return {
    ...found,
    ...(reason !== undefined && { reason: inWordsOfTheCommand(reason) }),
    ...(remedy !== undefined && { remedy: inWordsOfTheCommand(remedy) }),
  }
}

function worst(findings: readonly Finding[]): Finding['status'] {
  const has = (status: Finding['status']): boolean => findings.some((one) => one.status === status)
  return has('error') ? 'error' : has('warning') ? 'warning' : 'ok'
}

const COLORS = { ok: 'green', warning: 'yellow', error: 'red' } as const

function findingsText(findings: readonly Finding[], terminal: Terminal): string {
  const rows = findings.flatMap(({ status, title, found, reason, remedy }) => [
    [paint(terminal, COLORS[status], status), title, found],
    ...(reason === undefined ? [] : [['', '', reason]]),
    ...(remedy === undefined ? [] : [['', '', `${paint(terminal, 'bold', '→')} ${remedy}`]]),
  ])
  return table(rows, terminal)
}
