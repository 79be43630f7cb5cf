// The words of the wallboard. A supervisor's language is the page's `?lang=`, else the browser's.
const es = {
  waiting: 'En espera', peak: 'pico de hoy', longest: 'Espera más larga', target: 'objetivo', service: 'Nivel de servicio', inS: 'en {0} s',
  agents: 'Agentes', free: 'libres', of: 'de {0}', watch: 'Aviso', alert: 'Alerta', live: 'En directo', connecting: 'Conectando',
  stale: 'Sin datos desde hace {0}', noSkill: 'Ningún agente libre con la habilidad «{0}»',
  queue: 'Cola', hWaiting: 'Espera', hLongest: 'Más larga', abandoned: 'Abandono', freeOf: 'Libres / agentes', then: 'luego {0}',
  offered: 'Ofrecidas', answered: 'Atendidas', totalAbandoned: 'Abandonadas', waitMean: 'Espera media', handleMean: 'Duración media', callbacks: 'Por devolver',
  expected: 'Espera prevista', why: '¿Por qué?', close: 'Cerrar', call: 'Llamada {0}', segment: 'Segmento', nobody: 'No espera nadie.',
  states: { ready: 'libre', offered: 'timbra', ringing: 'timbra', talking: 'llamada', holding: 'retención', consulting: 'consulta', 'wrap-up': 'cierre', paused: 'pausa', outbound: 'saliente', task: 'tarea', 'logged-out': 'fuera' },
  legend: { talking: 'hablando', ringing: 'timbrando', 'wrap-up': 'cierre', task: 'tarea', paused: 'pausa', holding: 'retención' },
  reasons: { coffee: 'café', lunch: 'comida', training: 'formación', 'no-answer': 'no contesta', unreachable: 'sin teléfono', declined: 'rechazó', 'line-busy': 'comunica' },
  locale: 'es-ES',
};
const en = {
  waiting: 'Waiting', peak: "today's peak", longest: 'Longest wait', target: 'target', service: 'Service level', inS: 'in {0} s',
  agents: 'Agents', free: 'free', of: 'of {0}', watch: 'Watch', alert: 'Alert', live: 'Live', connecting: 'Connecting',
  stale: 'No data for {0}', noSkill: 'No free agent has the “{0}” skill',
  queue: 'Queue', hWaiting: 'Waiting', hLongest: 'Longest', abandoned: 'Abandoned', freeOf: 'Free / agents', then: 'then {0}',
  offered: 'Offered', answered: 'Answered', totalAbandoned: 'Abandoned', waitMean: 'Average wait', handleMean: 'Average handle', callbacks: 'Callbacks due',
  expected: 'Expected wait', why: 'Why?', close: 'Close', call: 'Call {0}', segment: 'Segment', nobody: 'Nobody waits.',
  states: { ready: 'free', offered: 'ringing', ringing: 'ringing', talking: 'call', holding: 'on hold', consulting: 'consulting', 'wrap-up': 'wrap-up', paused: 'paused', outbound: 'outbound', task: 'task', 'logged-out': 'logged out' },
  legend: { talking: 'talking', ringing: 'ringing', 'wrap-up': 'wrap-up', task: 'task', paused: 'paused', holding: 'on hold' },
  reasons: { 'no-answer': 'no answer', unreachable: 'no phone', declined: 'declined', 'line-busy': 'line busy' },
  locale: 'en-GB',
};
const asked = new URLSearchParams(location.search).get('lang') ?? navigator.language ?? 'es';
export const words = asked.startsWith('en') ? en : es;
export const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, n) => values[n]);
