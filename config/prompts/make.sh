#!/bin/sh
# Makes every sound in this folder: music from plucked strings (sox), speech from espeak-ng. The same versions of the two
# programs make the same files. 8 kHz, mono, 16 bit.
#   apt-get install espeak-ng sox
set -eu
cd "$(dirname "$0")"
for program in espeak-ng sox; do
    command -v "$program" >/dev/null || { echo "make.sh needs $program: apt-get install espeak-ng sox" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One bar of eight notes, 3.5 s; the last tones fade so that bars, and the end and the beginning, join without a click.
bar() {
    sox -R -n -r 8000 -b 16 "$work/$1.wav" synth 3 pl "$2" pl "$3" pl "$4" pl "$5" pl "$6" pl "$5" pl "$4" pl "$3" \
        delay 0 .4375 .875 1.3125 1.75 2.1875 2.625 3.0625 remix - trim 0 3.5 lowpass 2500 fade t .005 3.5 .12
}
bar 1 A2 E3 A3 C4 E4
bar 2 F2 C3 F3 A3 C4
bar 3 C3 G3 C4 E4 G4
bar 4 G2 D3 G3 B3 D4
bar 5 A2 E3 A3 C4 G4
bar 6 F2 C3 A3 C4 F4
bar 7 D3 A3 D4 F4 A4
bar 8 E3 B3 E4 G4 B4
sox -R "$work"/[1-8].wav -r 8000 -b 16 -c 1 music.wav norm -9

# The tone after which a caller speaks.
sox -R -n -r 8000 -b 16 -c 1 beep.wav synth 0.4 sine 1000 fade t .01 0.4 .01 norm -12

# say LANGUAGE NAME TEXT
say() {
    mkdir -p "$1"
    espeak-ng -v "$1" -s 150 -w "$work/said.wav" "$3"
    # Telephone band, no dead air at either end, one level for all.
    sox -R "$work/said.wav" -r 8000 -b 16 -c 1 "$1/$2.wav" \
        gain -6 highpass 200 lowpass 3400 silence 1 0.02 0.5% reverse silence 1 0.02 0.5% reverse pad 0.03 0.08 norm -6
}

say es welcome-averias 'Bienvenido al servicio de averías. Enseguida le atendemos.'
say es welcome-facturacion 'Bienvenido a facturación. Enseguida le atendemos.'
say es welcome-soporte-vip 'Bienvenido a su línea de soporte preferente. Enseguida le atendemos.'
say es welcome-ventas 'Bienvenido a ventas. Enseguida le atendemos.'
say es welcome-general 'Bienvenido. Enseguida le atendemos.'
say es you-are-number 'Su llamada es la número'
say es wait-is 'El tiempo de espera es de unos'
say es minutes 'minutos'
say es wait-is-a-minute 'El tiempo de espera es de un minuto, aproximadamente.'
say es cut-off 'La comunicación se ha cortado. Le pasamos enseguida con otro agente.'
say es all-busy 'Todos nuestros agentes están ocupados. Por favor, no cuelgue.'
say es good-bye 'Gracias por su llamada. Adiós.'
say es done 'Hecho.'
say es refused 'No es posible.'
say es callback-offer 'Todos nuestros agentes están ocupados. Si desea que le llamemos sin perder su turno, pulse uno.'
say es callback-taken 'De acuerdo. Le llamaremos a este número cuando llegue su turno. Ya puede colgar.'
say es callback-refused 'Lo sentimos, no podemos llamarle a este número. Por favor, siga a la espera.'
say es callback-hello 'Le llamamos como nos pidió. Enseguida le atendemos.'
say es callback-whisper 'Devolución de llamada.'
say es leave-a-message 'Deje su mensaje después de la señal. Pulse almohadilla al terminar.'
say es main-menu 'Para averías, pulse uno. Para ventas, pulse dos.'
say es logged-in 'Sesión iniciada.'
say es logged-out 'Sesión cerrada.'
n=1
for word in uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete \
    dieciocho diecinueve veinte; do
    say es "number-$n" "$word"
    n=$((n + 1))
done

say en welcome-averias 'Welcome to fault repair. We will be with you shortly.'
say en welcome-facturacion 'Welcome to billing. We will be with you shortly.'
say en welcome-soporte-vip 'Welcome to your priority support line. We will be with you shortly.'
say en welcome-ventas 'Welcome to sales. We will be with you shortly.'
say en welcome-general 'Welcome. We will be with you shortly.'
say en you-are-number 'You are number'
say en wait-is 'Your wait will be about'
say en minutes 'minutes'
say en wait-is-a-minute 'Your wait will be about one minute.'
say en cut-off 'We were cut off. The next free agent will speak to you.'
say en all-busy 'All our agents are busy. Please hold the line.'
say en good-bye 'Thank you for calling. Good bye.'
say en done 'Done.'
say en refused 'Not possible.'
say en callback-offer 'All our agents are busy. If you would like us to call you back without losing your place, press one.'
say en callback-taken 'All right. We will call you on this number when it is your turn. You may hang up now.'
say en callback-refused 'Sorry, we cannot call you on this number. Please hold the line.'
say en callback-hello 'We are calling you back as you asked. We will be with you shortly.'
say en callback-whisper 'Call back.'
say en leave-a-message 'Please leave a message after the tone. Press the pound key when you are done.'
say en main-menu 'For fault repair, press one. For sales, press two.'
say en logged-in 'You are logged in.'
say en logged-out 'You are logged out.'
n=1
for word in one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
    eighteen nineteen twenty; do
    say en "number-$n" "$word"
    n=$((n + 1))
done
